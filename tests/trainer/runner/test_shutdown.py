"""Stops of wrapped programs: the signal reaches the training process, which saves before any process is killed."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.trainer.launched import Launched, program
from tests.waiting import wait_until
from trainer.rundir import write_json

SUBPROCESS = "import subprocess, sys; subprocess.run(sys.argv[1:]); print('after')"
HANDLED = "import signal; signal.signal(signal.SIGTERM, lambda *_: print('deferred', flush=True)); " + SUBPROCESS
IGNORED = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SUBPROCESS
DAEMON = """
import os, sys
if os.fork(): os.waitpid(-1, 0); import signal; signal.pause()
os.setsid()
if os.fork(): os._exit(0)
os.execv(sys.argv[1], sys.argv[1:])
"""
MAKEFILE = "train:\n\t@true; {training}\n\t@echo after\n"


def in_shell(shell: str, text: str, training: list[str]) -> list[str]:
    return [shell, "-c", text.format(shlex.join(training))]


WRAPPERS = {
    "a shell": lambda training: in_shell("sh", "echo begin; {}; echo after", training),
    "nested shells": lambda training: in_shell("sh", "sh -c 'true; sh -c \"true; {}; true\"; true'; true", training),
    "a chain of exec": lambda training: in_shell("sh", "exec sh -c 'exec nohup {}'", training),
    "nohup": lambda training: ["nohup", *training],
    "a pipeline": lambda training: in_shell("sh", "{} | cat | tee copy", training),
    "a process substitution": lambda training: in_shell("bash", "exec > >(tee copy); {}; true", training),
    "the background": lambda training: in_shell("sh", "{} & wait", training),
    "bash with a trap": lambda training: in_shell("bash", "trap 'echo deferred' TERM; {}; echo after", training),
    "a shell that ignores it": lambda training: in_shell("sh", "trap '' TERM; {}; echo after", training),
    "subprocess.run": lambda training: [sys.executable, "-c", SUBPROCESS, *training],
    "a handler that waits": lambda training: [sys.executable, "-c", HANDLED, *training],
    "a program that ignores it": lambda training: [sys.executable, "-c", IGNORED, *training],
    "another session": lambda training: in_shell("sh", "setsid {} & wait", training),
    "a daemon": lambda training: [sys.executable, "-c", DAEMON, *training],
    "a time limit": lambda training: ["timeout", "1000", *training],
    "make": lambda training: ["make", "--eval", MAKEFILE.format(training=shlex.join(training)), "train"],
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_wrapped_training_saves(tmp_path: Path, wrapper: str) -> None:
    saved = tmp_path / "saved"
    launched = Launched(tmp_path / "run", *WRAPPERS[wrapper](program("save_on_signal.py", str(saved))))
    launched.launch()
    launched.wait_for_log("ready")
    state = launched.stop(grace_s=6)
    assert saved.exists(), launched.run.log.read_text()
    assert state["state"] == "stopped"
    assert "did not end" not in (state["reason"] or "")
    wait_until(lambda: "saved" in launched.run.log.read_text(), 5, launched.run.log.read_text)


def test_the_exit_of_the_training_counts_and_not_that_of_its_shell(tmp_path: Path) -> None:
    training = program("save_on_signal.py", str(tmp_path / "saved"))
    launched = Launched(tmp_path / "run", *WRAPPERS["a shell"](training))
    launched.launch()
    launched.wait_for_log("ready")
    state = launched.stop()
    assert (state["state"], state["signal"], state["reason"]) == ("stopped", "SIGTERM", None)
    assert "runner: passed SIGTERM on to process" in launched.run.log.read_text()


@pytest.mark.parametrize("wrapper", ["nohup", "a shell", "a pipeline"])
def test_the_reason_of_a_training_that_does_not_save_names_the_signal(tmp_path: Path, wrapper: str) -> None:
    training = program("wait_for_file.py", "/nonexistent")
    launched = Launched(tmp_path / "run", *WRAPPERS[wrapper](training))
    launched.launch()
    launched.wait_for_log("ready")
    state = launched.stop()
    assert (state["state"], state["reason"]) == ("stopped", "ended by SIGTERM")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGUSR1])
def test_the_experiment_sets_the_stop_signal(tmp_path: Path, number: signal.Signals) -> None:
    saved = tmp_path / "saved"
    training = program("save_on_signal.py", str(saved), "--on", number.name.removeprefix("SIG"))
    stop = {"signal": number.name, "grace_s": 20}
    launched = Launched(tmp_path / "run", *in_shell("sh", "{}; true", training), stop=stop)
    launched.launch()
    launched.wait_for_log("ready")
    assert launched.stop()["state"] == "stopped"
    assert saved.exists()
    unsaved = Launched(
        tmp_path / "other", *program("wait_for_file.py", "/nonexistent"), stop={**stop, "signal": "SIGHUP"}
    )
    unsaved.launch()
    unsaved.wait_for_log("ready")
    assert unsaved.stop()["reason"] == "ended by SIGHUP"


def test_a_process_that_ignores_the_stop_is_killed_after_the_grace_period(tmp_path: Path) -> None:
    launched = Launched(tmp_path / "run", *in_shell("sh", "{}; true", program("ignore_sigterm.py")))
    launched.launch()
    launched.wait_for_log("ready")
    began = time.monotonic()
    state = launched.stop(grace_s=1)
    assert time.monotonic() - began >= 1
    assert (state["state"], state["signal"]) == ("stopped", "SIGTERM")
    assert "within 1 s" in state["reason"]
    assert "killing its process" in launched.run.log.read_text()


def test_children_of_a_working_leader_get_no_signal(tmp_path: Path) -> None:
    """The leader computes until it has saved. Its child dies of any signal, as loader processes do."""
    helper = [sys.executable, "-c", "import time; time.sleep(1000)"]
    code = (
        "import signal, subprocess, sys, time\n"
        "signals = []\n"
        "signal.signal(signal.SIGTERM, lambda *_: signals.append(1))\n"
        f"helper = subprocess.Popen({helper!r})\n"
        "print('ready', flush=True)\n"
        "while not signals: time.sleep(0.01)\n"
        "ends_at = time.monotonic() + 2\n"
        "while time.monotonic() < ends_at: sum(range(1000))\n"
        "print('helper', helper.poll(), flush=True)\n"
        "sys.exit(0)\n"
    )
    launched = Launched(tmp_path / "run", sys.executable, "-c", code)
    launched.launch()
    launched.wait_for_log("ready")
    state = launched.stop(grace_s=3)
    assert (state["state"], state["exit_code"]) == ("stopped", 0)
    assert "helper None" in launched.run.log.read_text()


def test_children_of_our_own_training_program_get_no_stop_signal(tmp_path: Path) -> None:
    """They get none however long the program waits for them."""
    child = tmp_path / "child"
    training = program("save_on_signal.py", str(tmp_path / "saved"), "--takes", "2")
    text = f"trap 'echo deferred' TERM; {{}} & echo $! > {child}; wait; wait"
    launched = Launched(tmp_path / "run", *in_shell("bash", text, training), needs_result=True)
    launched.launch()
    launched.wait_for_log("ready")
    state = launched.stop(grace_s=1)
    assert (state["signal"], (tmp_path / "saved").exists()) == ("SIGKILL", False)


def test_a_process_that_outlives_its_program_is_killed_and_reported(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    launched = Launched(tmp_path / "run", *program("spawn_grandchild.py", str(pid_file), "--setsid", "--exit", "0"))
    launched.launch()
    assert launched.wait_for_end()["state"] == "completed"
    assert not psutil.pid_exists(int(pid_file.read_text()))
    assert f"killing its process {pid_file.read_text()}" in launched.run.log.read_text()


def test_a_stop_right_after_the_leader_has_ended_reaches_the_other_processes(tmp_path: Path) -> None:
    """stop.json exists before the signal is sent."""
    saved, go = tmp_path / "saved", tmp_path / "go"
    text = "{} & " + shlex.join(program("exit_when_told.py", str(go), "3"))
    launched = Launched(tmp_path / "run", *in_shell("sh", text, program("save_on_signal.py", str(saved))))
    launched.launch()
    wait_until(lambda: launched.run.log.read_text().count("ready") == 2, 20)
    write_json(launched.run.stop, {"mode": "save", "grace_s": 20})
    go.touch()
    assert launched.wait_for_end()["state"] == "stopped"
    assert saved.exists()


def test_without_proc_the_other_processes_of_the_group_get_the_signal(tmp_path: Path) -> None:
    """Some containers and chroots have no /proc."""
    without = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]
    if subprocess.run([*without, "true"], capture_output=True).returncode != 0:
        pytest.skip("needs permission to mount")
    saved = tmp_path / "saved"
    launched = Launched(tmp_path / "run", *WRAPPERS["a shell"](program("save_on_signal.py", str(saved))))
    assert launched.launch(wrapper=without).returncode == 0
    launched.wait_for_log("ready")
    assert launched.stop()["state"] == "stopped"
    assert saved.exists()
