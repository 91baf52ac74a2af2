"""The runner without a server: `python -m trainer.runner RUN_DIR LOCK_FD`."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.live.processes import is_gone
from tests.servers import ROOT
from tests.trainer.launched import Launched, program
from tests.waiting import wait_until
from trainer.rundir import RUN_DIR_VARIABLE, write_json
from trainer.runner.runner import ALREADY_LAUNCHED
from trainer.runner.verdict import NEVER_LAUNCHED


def test_a_run_from_launch_to_verdict(tmp_path: Path) -> None:
    go = tmp_path / "go"
    launched = Launched(tmp_path / "run", *program("exit_when_told.py", str(go), "3"))
    done = launched.launch()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    state = launched.state
    assert (state["state"], state["ended_at"], state["exit_code"]) == ("running", None, None)
    trainer = psutil.Process(state["pid"])
    assert state["trainer"]["pid"] == state["pid"]
    assert os.getsid(trainer.pid) == os.getpgid(trainer.pid) == trainer.pid, "it has its own session and process group"
    assert trainer.environ()[RUN_DIR_VARIABLE] == str(launched.run.path)
    assert launched.runner.ppid() != os.getpid(), "the runner is an orphan, which the test does not have to reap"
    assert launched.is_locked
    go.touch()
    state = launched.wait_for_end()
    assert (state["state"], state["reason"], state["exit_code"]) == ("failed", "exit code 3", 3)
    assert launched.run.log.read_text() == "ready\nend\n"
    assert sorted(path.name for path in launched.run.path.iterdir()) == ["run.json", "state.json", "train.log"]


def test_the_lock_is_held_until_the_program_ends_even_if_the_runner_is_killed(tmp_path: Path) -> None:
    launched = Launched(tmp_path / "run", *program("ignore_sigterm.py"))
    launched.launch()
    launched.wait_for_log("ready")
    trainer = psutil.Process(launched.state["pid"])
    launched.runner.kill()
    launched.wait_for_end()
    wait_until(lambda: is_gone(trainer), 5)
    assert launched.state["state"] == "running", "the dead runner cannot write a verdict"


def test_a_program_that_cannot_be_executed_sets_exit_code_and_state(tmp_path: Path) -> None:
    launched = Launched(tmp_path / "run", "/no/such/program")
    assert launched.launch().returncode == 1
    state = launched.wait_for_end()
    assert state["state"] == "failed"
    assert "/no/such/program" in state["reason"]


def test_a_run_starts_cold_if_the_prewarmed_program_has_exited(tmp_path: Path) -> None:
    launched = Launched(tmp_path / "run", *program("exit_with.py", "3"))
    channel, gone = socket.socketpair()
    gone.close()
    reader, writer = os.pipe()
    with channel, open(launched.lock, "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        descriptors = (lock.fileno(), writer, channel.fileno())
        argv = [sys.executable, "-m", "trainer.runner", str(launched.run.path), *map(str, descriptors), "0"]
        with subprocess.Popen(argv, cwd=ROOT, pass_fds=descriptors, start_new_session=True):
            assert os.read(reader, 1) == b"1"
    os.close(reader)
    os.close(writer)
    state = launched.wait_for_end()
    assert (state["state"], state["reason"]) == ("failed", "exit code 3")


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"program": {}}', '{"program": {"argv": ["true"]}}'])
def test_a_corrupt_run_json_is_not_launched(tmp_path: Path, content: str) -> None:
    launched = Launched(tmp_path / "run", "true")
    launched.run.run.write_text(content)
    done = launched.launch()
    assert done.returncode == 1
    log = launched.run.log.read_text() if launched.run.log.exists() else ""
    assert "Error" in (done.stderr + log).splitlines()[-1]
    launched.wait_for_end()


def test_an_unwritable_run_directory_is_reported_on_stderr(tmp_path: Path) -> None:
    launched = Launched(tmp_path / "run", "true")
    done = launched.launch(["prlimit", "--fsize=100"])
    assert done.returncode == 1
    assert "OSError" in done.stderr.splitlines()[-1]
    assert not launched.run.state.exists()


def test_a_run_is_never_launched_twice(tmp_path: Path) -> None:
    """A queue that crashes, and a cluster's controller, may launch a run again."""
    go = tmp_path / "go"
    launched = Launched(tmp_path / "run", *program("exit_when_told.py", str(go), "0"))
    assert launched.launch().returncode == 0
    state, lock, launched.lock = launched.state, launched.lock, tmp_path / "another.lock"
    again = launched.launch()
    assert (again.returncode, launched.state) == (ALREADY_LAUNCHED, state)
    assert "was launched before" in again.stderr
    go.touch()
    launched.lock = lock
    assert launched.wait_for_end()["state"] == "completed"
    assert launched.launch().returncode == ALREADY_LAUNCHED
    assert launched.run.log.read_text() == "ready\nend\n"


def test_a_run_that_was_stopped_before_its_launch_executes_nothing(tmp_path: Path) -> None:
    launched = Launched(tmp_path / "run", *program("exit_with.py", "3"))
    write_json(launched.run.stop, {"mode": "save"})
    assert launched.launch().returncode == 1
    state = launched.wait_for_end()
    assert (state["state"], state["reason"], state["pid"]) == ("stopped", NEVER_LAUNCHED, None)


def test_a_program_that_ignores_the_stop_is_killed_after_the_grace_period(tmp_path: Path) -> None:
    launched = Launched(tmp_path / "run", *program("ignore_sigterm.py"))
    launched.launch()
    launched.wait_for_log("ready")
    write_json(launched.run.stop, {"mode": "save", "grace_s": 0.5})
    began = time.monotonic()
    launched.runner.terminate()
    state = launched.wait_for_end()
    assert time.monotonic() - began >= 0.5
    assert (state["state"], state["signal"]) == ("stopped", "SIGKILL")
    assert "within 0.5 s" in state["reason"]


def test_an_empty_stop_file_is_a_stop(tmp_path: Path) -> None:
    launched = Launched(tmp_path / "run", *program("wait_for_file.py", "/nonexistent", "--on-term", "143"))
    launched.launch()
    launched.wait_for_log("ready")
    launched.run.stop.touch()
    launched.runner.terminate()
    assert launched.wait_for_end()["state"] == "stopped"


def test_a_reason_of_any_characters_fits_the_reserved_block(tmp_path: Path) -> None:
    reason = "🙂" * 600
    launched = Launched(tmp_path / "run", *program("exit_with.py", "2", "--say", f"error: {reason}"))
    launched.launch()
    state = launched.wait_for_end()
    assert state["reason"] == reason[:500]
    assert launched.run.state.stat().st_size == 4096


def test_the_runner_ignores_signals_from_a_terminal(tmp_path: Path) -> None:
    go = tmp_path / "go"
    launched = Launched(tmp_path / "run", *program("exit_when_told.py", str(go), "0"))
    launched.launch()
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGCHLD):
        launched.runner.send_signal(number)
    go.touch()
    assert launched.wait_for_end()["state"] == "completed"


def test_the_program_gets_default_signals_and_no_descriptor_but_the_lock(tmp_path: Path) -> None:
    code = (
        "import json, os, signal\n"
        "names = ('SIGTERM', 'SIGINT', 'SIGHUP', 'SIGCHLD', 'SIGPIPE')\n"
        "handlers = {name: str(signal.getsignal(getattr(signal, name))) for name in names}\n"
        "links = [os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd') if int(fd) > 2\n"
        "         and os.path.exists(f'/proc/self/fd/{fd}')]\n"
        "print(json.dumps([handlers, links]))"
    )
    launched = Launched(tmp_path / "run", sys.executable, "-c", code)
    launched.launch()
    launched.wait_for_end()
    handlers, links = json.loads(launched.run.log.read_text())
    assert handlers["SIGTERM"] == handlers["SIGHUP"] == handlers["SIGCHLD"] == "0"
    assert "default_int_handler" in handlers["SIGINT"]
    assert [link for link in links if not link.startswith("/proc")] == [str(launched.lock)]


def test_the_runner_uses_little_memory(tmp_path: Path) -> None:
    go = tmp_path / "go"
    launched = Launched(tmp_path / "run", *program("exit_when_told.py", str(go), "0"))
    launched.launch()
    assert launched.runner.memory_info().rss < 20 * 10**6
    go.touch()
    launched.wait_for_end()
    imported = (
        "import sys, trainer.runner; print(*{'torch', 'lightning', 'yaml', 'psutil', 'flask'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", imported], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
