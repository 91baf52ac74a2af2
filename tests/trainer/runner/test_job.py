"""The runner as the job of a cluster: `python -m trainer.runner RUN_DIR`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.servers import ROOT
from tests.trainer.launched import Launched, program
from tests.waiting import wait_until
from trainer.rundir import write_json
from trainer.runner.runner import ALREADY_LAUNCHED

SAVING = ("save_on_signal.py", "saved", "--takes", "0")
PARENT = "import subprocess, sys; subprocess.call(sys.argv[1:])"
"""A process that waits for the runner, as slurmstepd does."""


def launched(tmp_path: Path, *argv: str) -> Launched:
    return Launched(tmp_path / "run", *program(*argv))


def test_a_job_stays_in_the_foreground_and_its_exit_code_tells_whether_it_failed(tmp_path: Path) -> None:
    run = launched(tmp_path, "exit_when_told.py", str(tmp_path / "go"), "3")
    with run.as_job() as job:
        assert (run.state["state"], run.state["runner"]["pid"]) == ("running", job.pid)
        (tmp_path / "go").touch()
        assert job.wait(20) == 1
    assert (run.state["state"], run.state["reason"]) == ("failed", "exit code 3")


def test_a_job_is_not_launched_twice(tmp_path: Path) -> None:
    run = launched(tmp_path, *SAVING)
    with run.as_job() as job:
        again = [sys.executable, "-m", "trainer.runner", str(run.run.path)]
        second = subprocess.run(again, cwd=ROOT, capture_output=True, text=True, timeout=30)
        assert second.returncode == ALREADY_LAUNCHED
        assert "launched before" in second.stderr
        assert run.state["runner"]["pid"] == job.pid, "the first job goes on"
        job.terminate()
        job.wait(20)


def test_the_heart_beats_and_a_stop_is_found_without_any_signal(tmp_path: Path) -> None:
    run = launched(tmp_path, *SAVING)
    with run.as_job() as job:
        born_ns = run.run.heartbeat.stat().st_mtime_ns
        write_json(run.run.stop, {"mode": "save", "grace_s": 20})
        assert job.wait(20) == 0
    assert run.run.heartbeat.stat().st_mtime_ns > born_ns
    assert (run.run.path / "saved").exists()
    assert (run.state["state"], run.state["reason"]) == ("stopped", None)


def test_the_time_limit_lets_the_program_save_and_fails_the_run(tmp_path: Path) -> None:
    run = launched(tmp_path, *SAVING)
    with run.as_job() as job:
        job.send_signal(signal.SIGUSR1)
        assert job.wait(20) == 1
    assert (run.run.path / "saved").exists()
    assert (run.state["state"], run.state["reason"]) == ("failed", "SLURM time limit reached")


def test_a_program_that_ignores_the_time_limit_is_killed_after_the_grace_period(tmp_path: Path) -> None:
    run = Launched(tmp_path / "run", *program("ignore_sigterm.py"), stop={"signal": "SIGTERM", "grace_s": 0.3})
    with run.as_job() as job:
        job.send_signal(signal.SIGUSR1)
        assert job.wait(20) == 1
    assert run.state["reason"].startswith("SLURM time limit reached; ")
    assert "within 0.3 s" in run.state["reason"]


@pytest.mark.parametrize("argv", [("wait_for_file.py", "/nonexistent"), SAVING], ids=["is killed", "exits with 0"])
def test_a_cancelled_job_is_interrupted_even_if_the_program_ends_before_the_runner_is_told(
    tmp_path: Path, argv: tuple[str, ...]
) -> None:
    run = launched(tmp_path, *argv)
    with run.as_job() as job:
        wait_until(lambda: argv != SAVING or b"ready" in run.run.log.read_bytes(), 20)
        os.kill(run.state["pid"], signal.SIGTERM)
        wait_until(lambda: not psutil.pid_exists(run.state["pid"]), 20)
        job.terminate()
        job.wait(20)
    assert run.state["state"] == "interrupted"
    assert "scancel" in run.state["reason"]


def test_the_program_saves_when_slurmstepd_is_killed(tmp_path: Path) -> None:
    run = launched(tmp_path, *SAVING)
    with run.as_job([sys.executable, "-c", PARENT]) as stepd:
        runner = run.runner
        stepd.kill()
        wait_until(lambda: run.state["ended_at"] is not None, 20)
        psutil.wait_procs([runner], 5)
    assert (run.run.path / "saved").exists()
    assert run.state["state"] == "interrupted"
    assert "slurmstepd" in run.state["reason"]
