"""Followers: the run that is active now and next, and past runs that clients request."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.runs.exceptions import NoRuns, RunNotFound
from app.runs.executors.local.lock import ActiveLock
from app.runs.filestate import Remembered, file_states
from app.runs.follow.events import Event, LogWritten, MetricsLogged, RunChanged
from app.runs.follow.followers import Followers
from app.runs.store.store import RunStore
from tests.app.written import METRICS, write_json, write_metrics, write_run
from tests.waiting import wait_until


@dataclass
class Place:
    store: RunStore
    followers: Followers
    held: int | None = None

    def start(self) -> Path:
        """Make an active run: this process holds its lock."""
        taken = self.store.lock.acquire(self.store.create)
        assert taken is not None
        self.held = taken[0]
        path = self.store.runs_dir / taken[1]
        write_json(path / "run.json", {"request": {}})
        write_json(path / "state.json", {"state": "running", "pid": 7, "runner": {"pid": 6}})
        return path

    def release(self) -> None:
        if self.held is not None:
            os.close(self.held)
        self.held = None

    def read_new(self) -> list[Event]:
        return [event for _, events in self.followers.read_new() for event in events]

    def states(self) -> list[tuple[str, str]]:
        """Read what is new, and return the states that were published."""
        return [(event.run_id, event.snapshot["state"]) for event in self.read_new() if isinstance(event, RunChanged)]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "runs").mkdir()
    store = RunStore(tmp_path / "runs", ActiveLock(tmp_path / "active.lock"))
    place = Place(store, Followers(store))
    yield place
    place.release()


def finish(run: Path, state: str = "completed") -> None:
    write_json(run / "state.json", {"state": state, "runner": {"pid": 6}})


def test_the_active_run_is_followed_and_then_the_next_one(place: Place) -> None:
    assert (place.read_new(), place.followers.current) == ([], None)
    first = place.start()
    assert place.states() == [(first.name, "running")]
    assert place.states() == []
    finish(first)
    place.release()
    second = place.start()
    assert place.states() == [(first.name, "completed"), (second.name, "running")]
    assert place.followers.current is not None


def test_the_final_state_comes_last(place: Place) -> None:
    run = place.start()
    place.read_new()
    write_metrics(run, METRICS)
    (run / "train.log").write_text("done")
    finish(run)
    events = place.read_new()
    assert [type(event) for event in events][-2:] == [LogWritten, RunChanged]
    assert sum(len(event.rows) for event in events if isinstance(event, MetricsLogged)) == 4


def test_the_past_of_a_run_that_was_active_before_is_not_published(place: Place) -> None:
    run = place.start()
    write_metrics(run, METRICS)
    published = [*place.read_new(), *place.read_new()]
    assert {type(event) for event in published} == {RunChanged}
    write_metrics(run, METRICS + "2,29,0.5,,\n")
    assert sum(len(event.rows) for event in place.read_new() if isinstance(event, MetricsLogged)) == 1


def test_a_run_whose_directory_is_removed_is_interrupted_once_its_processes_are_gone(place: Place) -> None:
    place.read_new()
    run = place.start()
    assert place.states() == [(run.name, "running")]
    shutil.rmtree(run)
    assert {state for _, state in place.states()} <= {"running"}, "its pid may be another one now"
    assert place.followers.current is not None
    place.release()
    assert place.states() == [(run.name, "interrupted")]


def test_a_past_run_is_read_once_until_its_files_change(place: Place) -> None:
    path = write_run(place.store.runs_dir, "2026-01-01_00-00-00", metrics=METRICS, log=b"log")
    run = place.followers.find(path.name)
    assert place.followers.known(run) is None
    paths = [path, *path.rglob("*")]
    wait_until(lambda: Remembered(None, file_states(paths)).is_current(), 10)
    follower = place.followers.past(run)
    assert place.followers.past(run) is follower is place.followers.known(run)
    write_metrics(path, METRICS + "2,29,0.5,,\n")
    assert place.followers.past(run) is not follower


def test_without_runs_there_is_nothing_to_follow(place: Place) -> None:
    with pytest.raises(NoRuns):
        place.followers.find(None)
    with pytest.raises(RunNotFound):
        place.followers.find("unknown")
    assert place.followers.published(None) is None
