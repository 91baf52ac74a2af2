"""Whether a directory was removed, or is only out of sight."""

from __future__ import annotations

from pathlib import Path

from app.runs.executors.slurm.absences import Absences
from tests.waiting import wait_until


def test_a_directory_is_removed_once_it_was_missing_at_every_look(tmp_path: Path) -> None:
    path, absences = tmp_path / "run", Absences(removed_after_s=0.02)
    assert not absences.is_removed(path), "the file system may show it later"
    wait_until(lambda: absences.is_removed(path), 5)
    path.mkdir()
    assert not absences.is_removed(path)
    path.rmdir()
    assert not absences.is_removed(path), "the time begins again"


def test_a_directory_is_not_removed_while_its_folder_is_away(tmp_path: Path) -> None:
    absences = Absences(removed_after_s=-1)
    assert not absences.is_removed(tmp_path / "unmounted" / "run")
    assert absences.is_removed(tmp_path / "run")
