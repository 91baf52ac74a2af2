"""The trash: delete, restore, expire, and what a crash leaves."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from app.runs.exceptions import DeletionRefused, NotInTrash, RestoreRefused, RunNotFound, RunQueued, TrashUnusable
from app.runs.retention.trash import KEEP_S, Trash
from app.runs.store.store import RunStore
from tests.app.runs.slots import store_of
from tests.app.written import write_run

DAY_US = KEEP_S * 10**6


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return store_of(tmp_path / "runs")


@pytest.fixture
def trash(store: RunStore, tmp_path: Path) -> Trash:
    return Trash(store, tmp_path / "trash")


def age(trash_dir: Path, by_us: int) -> None:
    """Let everything in the trash look as if it had been deleted earlier."""
    for place in trash_dir.iterdir():
        place.rename(trash_dir / str(int(place.name) - by_us))


def test_a_deleted_run_comes_back_as_it_was(store: RunStore, trash: Trash) -> None:
    write_run(store.runs_dir, "run-1", log=b"log", reason="why")
    before = store.find("run-1").snapshot()
    trash.put("run-1")
    assert [run.run_id for run in trash.runs()] == ["run-1"]
    assert store.ids() == []
    with pytest.raises(RunNotFound):
        trash.put("run-1")
    trash.restore("run-1")
    assert store.find("run-1").snapshot() == before
    assert (store.runs_dir / "run-1" / "train.log").read_bytes() == b"log"
    assert trash.runs() == []
    with pytest.raises(NotInTrash):
        trash.restore("run-1")


def test_the_run_deleted_last_is_restored_first(store: RunStore, trash: Trash) -> None:
    for log in (b"first", b"second"):
        write_run(store.runs_dir, "run-1", log=log)
        trash.put("run-1")
    assert [run.run_id for run in trash.runs()] == ["run-1", "run-1"]
    trash.restore("run-1")
    assert (store.runs_dir / "run-1" / "train.log").read_bytes() == b"second"
    with pytest.raises(RestoreRefused, match="has a run with that id"):
        trash.restore("run-1")
    store.delete("run-1")
    trash.restore("run-1")
    assert (store.runs_dir / "run-1" / "train.log").read_bytes() == b"first"


def test_a_run_goes_for_good_when_a_day_is_over(store: RunStore, trash: Trash, tmp_path: Path) -> None:
    write_run(store.runs_dir, "old")
    trash.put("old")
    age(tmp_path / "trash", DAY_US - 60 * 10**6)
    write_run(store.runs_dir, "new")
    trash.put("new")
    trash.expire()
    assert [run.run_id for run in trash.runs()] == ["new", "old"], "a minute is left"
    age(tmp_path / "trash", 60 * 10**6)
    trash.expire()
    assert [run.run_id for run in trash.runs()] == ["new"]


def test_what_a_crash_left_of_a_removal_is_removed_and_never_restored(store: RunStore, tmp_path: Path) -> None:
    now_us = time.time_ns() // 1000
    half, empty, foreign = (tmp_path / "trash" / name for name in (f".{now_us}", str(now_us - DAY_US), "notes"))
    write_run(half, "run-1")
    empty.mkdir()
    foreign.mkdir()
    trash = Trash(store, tmp_path / "trash")
    assert trash.runs() == []
    trash.expire()
    assert [path.exists() for path in (half, empty, foreign)] == [False, False, True]


def test_what_cannot_be_removed_does_not_keep_the_space_of_the_others(
    store: RunStore, trash: Trash, tmp_path: Path
) -> None:
    for number in range(5):
        write_run(store.runs_dir, f"run-{number}")
        trash.put(f"run-{number}")
    age(tmp_path / "trash", DAY_US)
    for number in range(5):  # Several, because they come anywhere in the listing.
        (tmp_path / "trash" / str(10**15 + number)).write_text("a file where a folder should be")
    with pytest.raises(DeletionRefused):
        trash.expire()
    assert trash.runs() == []


def test_links_are_removed_and_never_what_they_lead_to(store: RunStore, trash: Trash, tmp_path: Path) -> None:
    elsewhere = write_run(tmp_path / "disk", "run-1")
    inside = write_run(store.runs_dir, "run-2")
    (inside / "data").symlink_to(elsewhere)
    (store.runs_dir / "run-1").symlink_to(elsewhere)
    for run_id in ("run-1", "run-2"):
        trash.put(run_id)
    assert trash.empty() == 2
    assert os.listdir(tmp_path / "trash") == []
    assert (elsewhere / "run.json").exists()


def test_a_run_that_is_not_over_stays(store: RunStore, trash: Trash) -> None:
    run = write_run(store.runs_dir, "queued", None)
    (run / "queued.json").write_text("{}")
    with pytest.raises(RunQueued):
        trash.put("queued")
    assert trash.runs() == []


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="needs a second file system")
def test_a_trash_on_another_disk_is_refused_and_changes_nothing(store: RunStore, tmp_path: Path) -> None:
    write_run(store.runs_dir, "run-1")
    elsewhere = Path("/dev/shm") / f"{tmp_path.parent.name}-{tmp_path.name}"
    trash = Trash(store, elsewhere)
    try:
        with pytest.raises(TrashUnusable, match="not on the same disk"):
            trash.put("run-1")
        assert os.listdir(elsewhere) == []
    finally:
        elsewhere.rmdir()
    assert store.find("run-1").state == "completed"


def test_a_run_that_cannot_be_moved_stays(store: RunStore, tmp_path: Path) -> None:
    write_run(store.runs_dir, "run-1")
    (tmp_path / "trash").write_text("a file where the folder should be")
    with pytest.raises(DeletionRefused):
        Trash(store, tmp_path / "trash").put("run-1")
    assert store.find("run-1").state == "completed"
