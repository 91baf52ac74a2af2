"""Followers: the run that is active now and next, and past runs that clients request."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.runs.collect.runmetrics import RunMetrics
from app.runs.exceptions import NoRuns, RunNotFound
from app.runs.executors.executor import Needs
from app.runs.filestate import Remembered, file_states
from app.runs.follow.events import Event, LogWritten, MetricsLogged, RunChanged
from app.runs.follow.followers import Followers
from app.runs.store.store import RunStore
from tests.app.runs.executors.fake import FakeCluster, FakeExecutor
from tests.app.runs.slots import hold, queue_of, store_of
from tests.app.written import METRICS, write_json, write_metrics, write_run
from tests.waiting import wait_until
from trainer.rundir import utc_now


@dataclass
class Harness:
    """Followers over a folder of runs, with at most one active run."""

    store: RunStore
    followers: Followers
    lock_fd: int | None = None

    def start(self) -> Path:
        """Create an active run, whose lock this process holds."""
        path, self.lock_fd = hold(self.store)
        write_json(path / "run.json", {"request": {}})
        write_json(path / "state.json", {"state": "running", "pid": 7, "runner": {"pid": 6}})
        return path

    def release(self) -> None:
        if self.lock_fd is not None:
            os.close(self.lock_fd)
        self.lock_fd = None

    def read_new(self) -> list[Event]:
        return [event for _, events in self.followers.read_new(self.store.living()) for event in events]

    def states(self) -> list[tuple[str, str]]:
        """Read new events and return the states that they publish."""
        return [(event.run_id, event.snapshot["state"]) for event in self.read_new() if isinstance(event, RunChanged)]


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    (tmp_path / "runs").mkdir()
    store = store_of(tmp_path / "runs")
    harness = Harness(store, Followers(store, queue_of(store), RunMetrics(tmp_path / "scraped")))
    yield harness
    harness.release()


def finish(run: Path, state: str = "completed") -> None:
    write_json(run / "state.json", {"state": state, "runner": {"pid": 6}})


def test_the_active_run_is_followed_and_then_the_next_one(harness: Harness) -> None:
    assert (harness.read_new(), harness.followers.active) == ([], [])
    first = harness.start()
    assert harness.states() == [(first.name, "running")]
    assert harness.states() == []
    finish(first)
    harness.release()
    second = harness.start()
    assert harness.states() == [(first.name, "completed"), (second.name, "running")]
    assert harness.followers.active


def test_every_active_run_is_followed_and_the_latest_one_is_the_last_started(tmp_path: Path) -> None:
    store = store_of(tmp_path / "runs", count=2)
    followers = Followers(store, queue_of(store), RunMetrics(tmp_path / "scraped"))
    harness = Harness(store, followers)
    harness.read_new()

    def start(started_at: str) -> tuple[Path, int]:
        path, descriptor = hold(store, count=2)
        write_json(path / "run.json", {"request": {}})
        write_json(path / "state.json", {"state": "running", "pid": 7, "runner": {"pid": 6}, "started_at": started_at})
        return path, descriptor

    (first, first_fd), (second, second_fd) = start("2026-01-01"), start("2026-01-02")
    assert harness.states() == [(first.name, "running"), (second.name, "running")]
    assert [run.run_id for run in followers.active] == [second.name, first.name]
    assert followers.latest_run_id == second.name
    write_metrics(first, METRICS)
    wait_until(lambda: any(isinstance(each, MetricsLogged) for each in harness.read_new()), 10)
    finish(second)
    os.close(second_fd)
    events = harness.read_new()
    states = [(each.run_id, each.snapshot["state"]) for each in events if isinstance(each, RunChanged)]
    assert states == [(second.name, "completed"), (first.name, "running")], "first the end, then where the other one is"
    assert followers.latest_run_id == first.name
    (position,) = [each for each in events if isinstance(each, MetricsLogged)]
    assert (position.run_id, position.from_row, position.rows) == (first.name, 4, [])
    third, third_fd = start("2026-01-03")
    assert harness.states() == [(third.name, "running")]
    assert followers.latest_run_id == third.name
    for path, descriptor in ((first, first_fd), (third, third_fd)):
        finish(path)
        os.close(descriptor)
    assert sorted(harness.states()) == [(first.name, "completed"), (third.name, "completed")]
    assert (followers.active, followers.latest_run_id) == ([], third.name)


def test_a_run_that_came_and_went_between_two_reads_is_followed(harness: Harness) -> None:
    harness.read_new()
    new = harness.store.create()
    write_json(new.files.run, {"request": {}, "sequence": harness.store.listing.next_sequence()})
    write_json(new.files.state, {"state": "completed", "runner": {"pid": 6}, "ended_at": utc_now()})
    new.reveal()
    write_run(harness.store.runs_dir, "2026-01-01_00-00-00")  # Somebody copies a directory.
    assert harness.states() == [(new.run.run_id, "completed")]
    assert harness.states() == []


def test_a_run_that_a_cluster_drops_while_it_waits_is_followed_to_its_end(tmp_path: Path) -> None:
    cluster = FakeCluster(capacity=0)
    executor = FakeExecutor(cluster)
    store = RunStore(tmp_path / "runs", executor)
    harness = Harness(store, Followers(store, queue_of(store), RunMetrics(tmp_path / "scraped")))
    harness.read_new()
    new = store.create()
    write_json(new.files.run, {"request": {}, "sequence": store.listing.next_sequence()})
    executor.submit(new.run, Needs(), new.reveal)
    assert harness.states() == []
    cluster.jobs.clear()
    assert harness.states() == [(new.run.run_id, "interrupted")]
    assert harness.states() == []


def test_the_final_state_comes_last(harness: Harness) -> None:
    run = harness.start()
    harness.read_new()
    write_metrics(run, METRICS)
    (run / "train.log").write_text("done")
    finish(run)
    events = harness.read_new()
    assert [type(event) for event in events][-2:] == [LogWritten, RunChanged]
    assert sum(len(event.rows) for event in events if isinstance(event, MetricsLogged)) == 4


def test_bytes_that_show_late_are_read_even_if_the_run_ended_before_this_process_started(harness: Harness) -> None:
    run = harness.start()
    (run / "heartbeat").touch()
    (run / "train.log").write_bytes(b"early\n")
    finish(run)
    harness.release()
    assert harness.states() + harness.states() == [(run.name, "running")]
    (run / "train.log").write_bytes(b"early\nlate\n")
    events: list[Event] = []

    def is_over() -> bool:
        events.extend(harness.read_new())
        return any(isinstance(each, RunChanged) and each.snapshot["state"] == "completed" for each in events)

    wait_until(is_over, 20)
    assert [each.text for each in events if isinstance(each, LogWritten)] == ["late\n"]
    assert isinstance(events[-1], RunChanged)


def test_the_final_state_comes_after_all_collected_rows(harness: Harness) -> None:
    """Collecting takes more than one call, so that nobody waits for long."""
    run = harness.start()
    harness.read_new()
    (run / "output").mkdir()
    (run / "output" / "metrics.jsonl").write_text("".join(f'{{"step": {i}, "loss": 0.5}}\n' for i in range(60_000)))
    finish(run)
    events: list[Event] = []
    num_calls = 0
    while harness.followers.active:
        events += harness.read_new()
        num_calls += 1
    assert num_calls > 1
    assert isinstance(events[-1], RunChanged)
    rows = [row for event in events if isinstance(event, MetricsLogged) for row in event.rows]
    assert [row[0] for row in rows] == list(range(60_000))


def test_earlier_rows_of_a_run_that_was_already_active_are_not_published(harness: Harness) -> None:
    run = harness.start()
    write_metrics(run, METRICS)
    published = [*harness.read_new(), *harness.read_new()]
    assert {type(event) for event in published} == {RunChanged}
    write_metrics(run, METRICS + "2,29,0.5,,\n")
    assert sum(len(event.rows) for event in harness.read_new() if isinstance(event, MetricsLogged)) == 1


def test_a_run_whose_directory_is_removed_is_interrupted_once_its_processes_are_gone(harness: Harness) -> None:
    harness.read_new()
    run = harness.start()
    assert harness.states() == [(run.name, "running")]
    shutil.rmtree(run)
    assert {state for _, state in harness.states()} <= {"running"}, "a snapshot is published if its pid has changed"
    assert harness.followers.active
    harness.release()
    assert harness.states() == [(run.name, "interrupted")]
    assert harness.followers.published(None) is None, "new clients follow no run that was removed"


def test_a_past_run_is_read_once_until_its_files_change(harness: Harness) -> None:
    path = write_run(harness.store.runs_dir, "2026-01-01_00-00-00", metrics=METRICS, log=b"log")
    run = harness.followers.find(path.name)
    assert harness.followers.past.known(run.run_id) is None
    paths = [path, *path.rglob("*")]
    wait_until(lambda: Remembered(None, file_states(paths)).is_current(), 10)
    follower = harness.followers.past.follower(run)
    assert harness.followers.past.follower(run) is follower is harness.followers.past.known(run.run_id)
    write_metrics(path, METRICS + "2,29,0.5,,\n")
    assert harness.followers.past.follower(run) is not follower


def test_finding_a_run_without_any_runs_raises(harness: Harness) -> None:
    with pytest.raises(NoRuns):
        harness.followers.find(None)
    with pytest.raises(RunNotFound):
        harness.followers.find("unknown")
    assert harness.followers.published(None) is None


def test_a_run_that_changes_after_its_end_is_read_again(harness: Harness) -> None:
    """Somebody may copy a run, delete it, and copy another one under its name."""
    run = write_run(harness.store.runs_dir, "2026-01-01_00-00-00", log=b"first")
    harness.read_new()
    harness.read_new()
    assert harness.followers.published(run.name) is harness.followers.published(None) is not None
    with open(run / "train.log", "ab") as log:
        log.write(b" line")
    assert harness.followers.published(run.name) is harness.followers.published(None) is None
    assert harness.followers.past.follower(harness.followers.find(None)).attempts.run_id == run.name
    shutil.rmtree(run)
    write_run(harness.store.runs_dir, run.name, "failed", log=b"second")
    assert harness.followers.published(run.name) is None
    assert harness.followers.past.follower(harness.followers.find(run.name)).run.state == "failed"
