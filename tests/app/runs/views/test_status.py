"""The status of the service."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from app.runs.collect.runmetrics import RunMetrics
from app.runs.executors.executor import Found, Ref
from app.runs.executors.local.executor import LocalExecutor
from app.runs.filestate import Remembered, file_states
from app.runs.store.store import RunStore
from app.runs.views.status import Status
from tests.app.runs.slots import hold, queue_of, store_of
from tests.app.written import write_json, write_run
from tests.waiting import wait_until


@dataclass
class Harness:
    """An active run, whose lock this process holds, and a run that has ended."""

    status: Status
    runs_dir: Path
    active: Path
    ended: Path
    lock_fd: int

    def settle(self) -> None:
        """Wait until any later change of a file is certain to show, so that the service may cache its content."""
        paths = (self.runs_dir, *self.runs_dir.rglob("*"))
        wait_until(lambda: Remembered(None, file_states(paths)).is_current(), 10)


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    runs_dir = tmp_path / "runs"
    ended = write_run(runs_dir, "2026-01-01_00-00-00", reason=None)
    store = store_of(runs_dir)
    active, descriptor = hold(store)
    write_json(active / "run.json", {"request": {"config_name": "digits.yaml"}})
    write_json(active / "state.json", {"state": "running", "pid": 7, "runner": {"pid": 6}, "started_at": "2026"})
    harness = Harness(
        Status(store, queue_of(store), RunMetrics(tmp_path / "scraped")), runs_dir, active, ended, descriptor
    )
    yield harness
    os.close(harness.lock_fd)


def test_the_status_describes_the_active_run_and_the_last_one(harness: Harness) -> None:
    assert harness.status.describe() == {
        "status": "running",
        "running": True,
        "pid": 7,
        "run_id": harness.active.name,
        "title": None,
        "state": "running",
        "config_name": "digits.yaml",
        "progress": None,
        "started_at": "2026",
        "active": [
            {
                "pid": 7,
                "run_id": harness.active.name,
                "title": None,
                "state": "running",
                "config_name": "digits.yaml",
                "progress": None,
                "started_at": "2026",
            }
        ],
        "num_queued": 0,
        "last_run": {"run_id": harness.ended.name, "state": "completed", "reason": None},
    }


def test_a_change_shows_at_once(harness: Harness) -> None:
    active, others = harness.active, harness.runs_dir
    state = {"state": "running", "pid": 8, "runner": {"pid": 6}, "started_at": "2026"}
    changes: list[tuple[Callable[[], object], Callable[[Any], Any], Any]] = [
        (lambda: write_json(active / "progress.json", {"step": 1}), lambda status: status["progress"]["step"], 1),
        (lambda: write_json(active / "progress.json", {"step": 2}), lambda status: status["progress"]["step"], 2),
        (lambda: write_json(active / "state.json", state), itemgetter("pid"), 8),
        (lambda: write_json(active / "notes.json", {"title": "Night"}), itemgetter("title"), "Night"),
        (lambda: write_json(active / "new", {"title": "Later"}), itemgetter("title"), "Night"),
        (lambda: (active / "new").replace(active / "notes.json"), itemgetter("title"), "Later"),
        (lambda: (active / "stop.json").touch(), itemgetter("state"), "stopping"),
        (
            lambda: write_run(others, "2026-01-02", "failed", reason="3"),
            lambda status: status["last_run"]["reason"],
            "3",
        ),
        (lambda: shutil.rmtree(others / "2026-01-02"), lambda status: status["last_run"]["run_id"], harness.ended.name),
        (lambda: write_json(active / "state.json", {**state, "state": "stopped"}), itemgetter("running"), False),
        (lambda: None, lambda status: status["last_run"]["state"], "stopped"),
    ]
    for change, value, expected in changes:
        harness.settle()
        harness.status.describe()
        change()
        assert value(harness.status.describe()) == expected


def test_the_pid_of_a_run_shows_as_soon_as_its_runner_has_written_it(harness: Harness) -> None:
    (harness.active / "state.json").unlink()
    harness.settle()
    assert [harness.status.describe()[name] for name in ("state", "pid")] == ["starting", None]
    write_json(harness.active / "state.json", {"state": "running", "pid": 9, "runner": {"pid": 6}})
    assert [harness.status.describe()[name] for name in ("state", "pid")] == ["running", 9]


def test_a_run_whose_processes_are_gone_is_not_running_even_if_no_file_changed(harness: Harness) -> None:
    spare = os.dup(harness.lock_fd)
    os.close(harness.lock_fd)
    assert harness.status.describe()["running"] is True, "another process of the run holds the lock"
    os.close(spare)
    status = harness.status.describe()
    harness.lock_fd = os.open(os.devnull, os.O_RDONLY)
    assert (status["status"], status["run_id"], status["last_run"]["state"]) == ("not_running", None, "interrupted")


def test_an_answer_asks_the_executor_once(tmp_path: Path) -> None:
    class CountingExecutor(LocalExecutor):
        num_asked = 0

        def find(self, refs: Iterable[Ref] = ()) -> Mapping[str, Found]:
            self.num_asked += 1
            return super().find(refs)

    executor = CountingExecutor(tmp_path / "runs")
    store = RunStore(tmp_path / "runs", executor)
    write_run(tmp_path / "runs", "2026-01-01_00-00-00")
    active, descriptor = hold(store)
    write_json(active / "run.json", {"request": {}})
    write_json(active / "state.json", {"state": "running", "pid": 7, "runner": {"pid": 6}, "started_at": "2026"})
    status = Status(store, queue_of(store), RunMetrics(tmp_path / "scraped")).describe()
    os.close(descriptor)
    assert (status["run_id"], status["last_run"]["state"], executor.num_asked) == (active.name, "completed", 1)


def test_each_of_two_new_runs_has_its_own_progress(tmp_path: Path) -> None:
    store = store_of(tmp_path / "runs", 2)
    held = [hold(store, 2) for _ in range(2)]
    for number, (run, _) in enumerate(held, 1):
        write_json(run / "run.json", {"request": {}, "outputs": {}, "program": {"needs_result": False}})
        write_json(run / "state.json", {"state": "running", "pid": 7, "runner": {"pid": 6}, "started_at": "2026"})
        (run / "train.log").write_text(f"Epoch {number}/4\n")
    active = Status(store, queue_of(store), RunMetrics(tmp_path / "scraped")).describe()["active"]
    assert {run["run_id"]: run["progress"]["epoch"] for run in active} == {
        run.name: number for number, (run, _) in enumerate(held, 1)
    }
    for _, descriptor in held:
        os.close(descriptor)
