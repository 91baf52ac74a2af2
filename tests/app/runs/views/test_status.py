"""What runs now: remembered as long as nothing changed, and never longer."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.runs.executors.local.lock import ActiveLock
from app.runs.filestate import Remembered, file_states
from app.runs.store.store import RunStore
from app.runs.views.status import Status
from tests.app.written import write_json, write_run
from tests.waiting import wait_until


@dataclass
class Place:
    """A run that is active, as this process holds its lock; and one that has ended."""

    status: Status
    runs_dir: Path
    active: Path
    ended: Path
    lock_fd: int

    def settle(self) -> None:
        """Wait until the next change of any file is sure to show."""
        paths = (self.runs_dir, *self.runs_dir.rglob("*"))
        wait_until(lambda: Remembered(None, file_states(paths)).is_current(), 10)

    def remember(self) -> None:
        self.settle()
        assert self.status.describe() is self.status.describe()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    runs_dir = tmp_path / "runs"
    lock = ActiveLock(tmp_path / "active.lock")
    ended = write_run(runs_dir, "2026-01-01_00-00-00", reason=None)
    store = RunStore(runs_dir, lock)
    taken = lock.acquire(store.create)
    assert taken is not None
    active = runs_dir / taken[1]
    write_json(active / "run.json", {"request": {"config_name": "digits.yaml"}})
    write_json(active / "state.json", {"state": "running", "pid": 7, "runner": {"pid": 6}, "started_at": "2026"})
    place = Place(Status(store), runs_dir, active, ended, taken[0])
    yield place
    os.close(place.lock_fd)


def test_it_tells_what_runs_and_how_the_last_run_ended(place: Place) -> None:
    assert place.status.describe() == {
        "status": "running",
        "running": True,
        "pid": 7,
        "run_id": place.active.name,
        "state": "running",
        "config_name": "digits.yaml",
        "progress": None,
        "started_at": "2026",
        "last_run": {"run_id": place.ended.name, "state": "completed", "reason": None},
    }


def test_what_changed_shows_at_once(place: Place) -> None:
    place.remember()
    write_json(place.active / "progress.json", {"step": 1})
    assert place.status.describe()["progress"] == {"step": 1}
    place.remember()
    write_json(place.active / "progress.json", {"step": 2})  # Written in place, and of the same size.
    assert place.status.describe()["progress"] == {"step": 2}
    place.remember()
    (place.active / "stop.json").touch()
    assert place.status.describe()["state"] == "stopping"
    place.remember()
    write_run(place.runs_dir, "2026-01-02_00-00-00", "failed", reason="exit code 3")
    assert place.status.describe()["last_run"]["reason"] == "exit code 3"
    place.remember()
    shutil.rmtree(place.runs_dir / "2026-01-02_00-00-00")
    assert place.status.describe()["last_run"]["run_id"] == place.ended.name


def test_two_changes_within_one_step_of_the_clock_both_show(place: Place) -> None:
    for step in range(200):
        write_json(place.active / "progress.json", {"step": 100 + step})
        assert place.status.describe()["progress"] == {"step": 100 + step}


def test_a_run_whose_processes_are_gone_is_not_running_although_no_file_changed(place: Place) -> None:
    place.remember()
    spare = os.dup(place.lock_fd)
    os.close(place.lock_fd)
    assert place.status.describe()["running"] is True, "another process of it holds the lock"
    os.close(spare)
    told = place.status.describe()
    place.lock_fd = os.open(os.devnull, os.O_RDONLY)
    assert (told["status"], told["run_id"], told["last_run"]["state"]) == ("not_running", None, "interrupted")


def test_a_pid_that_had_to_be_searched_for_is_searched_for_again(place: Place) -> None:
    (place.active / "state.json").write_text("corrupt")
    place.settle()
    assert place.status.describe() is not place.status.describe()
