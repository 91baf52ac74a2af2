"""Fresh and old heartbeats, on machines whose clocks differ."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.runs.executors.slurm.heartbeats import OLD_AFTER_S, Heartbeats
from trainer.rundir import RunDir


@pytest.mark.parametrize(
    ("age_s", "is_beating"), [(0, True), (OLD_AFTER_S - 5, True), (OLD_AFTER_S + 5, False), (-60, True)]
)
def test_a_heartbeat_is_as_old_as_its_file_system_says(tmp_path: Path, age_s: float, is_beating: bool) -> None:
    run = RunDir(tmp_path / "run")
    run.path.mkdir()
    run.heartbeat.touch()
    now = run.heartbeat.stat().st_mtime
    os.utime(run.heartbeat, (now, now - age_s))
    assert Heartbeats(tmp_path / "clock").is_beating(run) is is_beating


def test_a_run_that_never_began_has_no_heartbeat(tmp_path: Path) -> None:
    assert not Heartbeats(tmp_path / "clock").is_beating(RunDir(tmp_path / "run"))


def test_the_clock_is_that_of_the_machine_if_the_folder_cannot_be_written(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    run.path.mkdir()
    run.heartbeat.touch()
    assert Heartbeats(tmp_path / "missing" / "clock").is_beating(run)
