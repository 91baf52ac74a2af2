"""The recorder gathers a row's samples and writes it, and no disk disturbs it."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

from app.runs.store.run import Run
from app.runs.usage.answer import describe_usage
from app.runs.usage.recorder import UsageRecorder
from trainer.rundir import RunDir


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "run").mkdir()
    return Run(RunDir(tmp_path / "run"), "running", None, {})


def measures(time: int, *samples: dict[str, Any]) -> dict[str, Any]:
    gpus = [
        {"index": i, "utilisation_percent": 90 + i, "memory_used_mb": 1000, "power_w": 70.5, "temperature_c": None}
        for i in range(2)
    ]
    return {"time": time, "gpus": gpus, "runs": list(samples)}


def of(run: Run, cpu_percent: float, memory_mb: int, *gpus: int) -> dict[str, Any]:
    return {"run_id": run.run_id, "cpu_percent": cpu_percent, "memory_mb": memory_mb, "gpus": list(gpus)}


def test_a_row_covers_two_samples_and_only_the_gpus_of_the_run(run: Run) -> None:
    recorder = UsageRecorder()
    recorder.record([run], measures(10, of(run, 100, 900, 1)))
    assert not run.directory.usage.exists()
    recorder.record([run], measures(11, of(run, 200, 500, 1)))
    assert describe_usage(run) == {
        "run_id": "run",
        "every_s": 2,
        "times": [11],
        "cpu_percent": [150],
        "memory_mb": [900],
        "gpus": [
            {
                "index": 1,
                "utilisation_percent": [91],
                "memory_used_mb": [1000],
                "power_w": [70.5],
                "temperature_c": [None],
            }
        ],
    }


def test_the_samples_of_a_run_that_ends_are_written(run: Run) -> None:
    recorder = UsageRecorder()
    recorder.record([run], measures(10, of(run, 100, 900)))
    recorder.record([], measures(11))
    assert describe_usage(run)["times"] == [10]


def test_a_service_that_stops_writes_its_samples_and_one_that_lost_the_lock_does_not(run: Run) -> None:
    stopping, loser = UsageRecorder(), UsageRecorder()
    stopping.record([run], measures(10, of(run, 100, 900)))
    loser.record([run], measures(11, of(run, 100, 900)))
    loser.forget()
    stopping.close()
    loser.close()
    assert describe_usage(run)["times"] == [10]


def test_a_run_without_processes_here_has_no_usage(run: Run) -> None:
    recorder = UsageRecorder()
    recorder.record([run], measures(10))
    recorder.close()
    assert not run.directory.usage.exists()


def test_a_run_that_was_deleted_is_not_written_again(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    recorder = UsageRecorder()
    recorder.record([run], measures(10, of(run, 100, 900)))
    shutil.rmtree(run.directory.path)
    recorder.record([], measures(11))
    assert not run.directory.path.exists()
    assert caplog.records == [], "that is no error"


def test_a_file_that_cannot_be_written_is_logged_once_and_disturbs_no_other_run(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other, recorder = Run(RunDir(tmp_path / "other"), "running", None, {}), UsageRecorder()
    other.directory.path.mkdir()
    other.directory.usage.mkdir()
    with caplog.at_level(logging.ERROR):
        for time in range(10, 16):
            recorder.record([other, run], measures(time, of(other, 1, 1), of(run, 100, 900)))
    assert describe_usage(run)["times"] == [11, 13, 15]
    assert len(caplog.records) == 1
