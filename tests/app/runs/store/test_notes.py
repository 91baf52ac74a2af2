"""Notes: no change is lost, and every server process learns of it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.runs.exceptions import RunNotFound
from app.runs.store.notes import MAX_NOTED, NOTED, Noted, change_notes, read_notes
from trainer.rundir import RunDir


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    run = RunDir(tmp_path / "runs" / "run-1")
    run.path.mkdir(parents=True)
    return run


def test_changes_at_the_same_time_are_all_kept(run: RunDir, tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as threads:
        for number in range(50):
            wanted = {"title": f"title {number}", "note": f"note {number}", "tags": [str(number)]}
            list(threads.map(lambda each: change_notes(run, dict([each]), tmp_path), wanted.items()))
            assert read_notes(run) == wanted


def test_each_process_learns_of_the_changes_since_it_began(run: RunDir, tmp_path: Path) -> None:
    change_notes(run, {"title": "before"}, tmp_path)
    first, second = Noted(tmp_path), Noted(tmp_path)
    assert first.read() == []
    for _ in range(2):
        change_notes(run, {"title": "after"}, tmp_path)
    assert (first.read(), first.read()) == ([run.run_id], [])
    (tmp_path / NOTED).unlink()
    change_notes(run, {"title": "once more"}, tmp_path)
    assert (first.read(), second.read()) == ([run.run_id], [run.run_id])
    (tmp_path / NOTED).write_text('{"x": 2')
    assert first.read() == []
    change_notes(run, {"title": "at last"}, tmp_path)
    assert first.read() == [run.run_id]


def test_only_the_last_changes_are_kept(run: RunDir, tmp_path: Path) -> None:
    noted = Noted(tmp_path)
    for number in range(MAX_NOTED + 5):
        change_notes(run, {"title": str(number)}, tmp_path)
    content = json.loads((tmp_path / NOTED).read_text())
    assert list(content.values()) == [run.run_id] * MAX_NOTED
    assert noted.read() == [run.run_id]


def test_notes_of_a_run_that_is_deleted_meanwhile_are_refused_as_those_of_no_run(run: RunDir, tmp_path: Path) -> None:
    run.path.rmdir()
    with pytest.raises(RunNotFound):
        change_notes(run, {"title": "late"}, tmp_path)


def test_notes_that_cannot_be_read_are_not_replaced(run: RunDir, tmp_path: Path) -> None:
    run.notes.symlink_to(run.notes)
    with pytest.raises(OSError, match="symbolic links"):
        change_notes(run, {"title": "new"}, tmp_path)
    assert run.notes.is_symlink()
