"""How a run ended whose runner wrote no verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.runs.executors.executor import Gone
from app.runs.executors.slurm.endings import ending
from app.runs.executors.slurm.job import ENDED, Job
from trainer.rundir import RunDir, write_json


def job(state: str) -> Job:
    return Job("7", state, "n1", "1:00", None, "/runs/a")


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    run = RunDir(tmp_path / "run")
    run.path.mkdir()
    return run


@pytest.mark.parametrize("state", sorted(ENDED))
def test_every_end_has_a_state_and_a_reason(run: RunDir, state: str) -> None:
    run.heartbeat.touch()
    gone = ending(run, job(state))
    assert gone.state in ("failed", "interrupted")
    assert gone.reason


def test_a_time_limit_fails_the_run(run: RunDir) -> None:
    run.heartbeat.touch()
    gone = ending(run, job("TIMEOUT"))
    assert gone.state == "failed"
    assert str(gone.reason).startswith("SLURM time limit of 1:00 reached")


@pytest.mark.parametrize("found", [None, job("CANCELLED"), job("FAILED")])
def test_a_run_that_had_begun_is_not_stopped_without_a_verdict(run: RunDir, found: Job | None) -> None:
    write_json(run.stop, {"mode": "save"})
    run.heartbeat.touch()
    assert ending(run, found).state == "interrupted"


def test_a_job_that_could_not_begin_tells_its_last_line(run: RunDir) -> None:
    assert "share the folder" in str(ending(run, job("FAILED")).reason)
    run.executor_log.write_text("first\nno such file\n\n")
    assert ending(run, job("FAILED")) == Gone("failed", "the job ended before the run began: no such file")
