"""The queue: the runs that wait for a slot, the next one first."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from app.runs.exceptions import NoQueue, NotQueued
from app.runs.executors.executor import Needs
from app.runs.queue.arrangement import Arrangement, ArrangementFile
from app.runs.queue.entries import Entries
from app.runs.queue.entry import Entry, write_entry
from app.runs.store.newrun import NewRun
from app.runs.store.run import Run
from app.runs.store.states import QUEUED
from app.runs.store.store import Living, RunStore
from trainer.rundir import RunDir, is_there

QUEUE = "queue.json"
PAUSED = "the queue is paused"


class Queue:
    """The queued runs of a runs folder. The files are the only truth: it remembers nothing else."""

    def __init__(self, store: RunStore, path: Path, max_age_s: float = 0.0, advice: str | None = None) -> None:
        """`path` is queue.json. Changes by other processes take effect after at most `max_age_s`.

        `advice` comes from an executor whose own queue takes every run. None: runs wait here.
        """
        self._store = store
        self._max_age_s = max_age_s
        self._advice = advice
        self._arrangement = ArrangementFile(path)
        self._entries = Entries(store, max_age_s)
        self._pending = _Pending(frozenset(), [], 0.0)

    @property
    def is_paused(self) -> bool:
        return self._arrangement.read().is_paused

    def waiting(self) -> list[Entry]:
        """List the queued runs, the next one first, without those that can never be launched."""
        return self._arrangement.read().arrange([each for each in self._unlaunched() if each.problem is None])

    @property
    def awaits_our_trainer(self) -> bool:
        """Whether the next run to be launched is one of our own trainer."""
        first = None if self.is_paused else next(iter(self.waiting()), None)
        return first is not None and first.as_run.is_of_our_trainer

    def launched(self) -> list[RunDir]:
        """List the runs that still have a queued.json but were already launched or stopped."""
        return [entry.run for entry in self._entries.read() if not entry.waits]

    def ids(self, living: Living | None = None) -> list[str]:
        """List the queued runs, here and in the executor's own queue."""
        return [*(entry.run_id for entry in self.waiting()), *(run.run_id for run in self._read_pending(living))]

    def position(self, run_id: str) -> int | None:
        """Return a run's position, from 1. None: it is not queued."""
        places = (place for place, entry in enumerate(self.waiting(), 1) if entry.run_id == run_id)
        return next(places, None)

    def add(self, new: NewRun, priority: int, needs: Needs) -> None:
        """Queue a new run, and reveal it. Raises OSError."""
        write_entry(new.files, priority, needs)
        new.reveal()
        self._read_again()

    def remove(self, run: RunDir) -> None:
        """Remove a run, if it is queued. Raises OSError."""
        if is_there(run.queued):  # A read-only disk refuses to remove even a file that does not exist.
            run.queued.unlink(missing_ok=True)
        self._read_again()

    def move(self, run_id: str, position: int) -> None:
        """Move a run to a position from 1; beyond the end means last. Raises RunNotFound, NotQueued and OSError."""

        def moved(arrangement: Arrangement) -> Arrangement:
            order = [entry.run_id for entry in self.waiting()]
            if run_id not in order:
                raise self._not_queued(run_id)
            order.remove(run_id)
            order.insert(position - 1, run_id)
            return replace(arrangement, order=tuple(order))

        self._arrangement.change(moved)

    def pause(self, is_paused: bool) -> None:
        """Pause or resume launching. Active runs continue. Raises OSError.

        Raises NoQueue on pausing if every run waits in the executor's own queue.
        """
        if is_paused and self._advice is not None:
            raise NoQueue(self._advice)
        self._arrangement.pause(is_paused)

    def describe(
        self, obstacle: Callable[[Entry], str | None], offset: int = 0, limit: int | None = None
    ) -> dict[str, Any]:
        """Describe the queue for clients. `obstacle` says why the first run waits.

        `runs` has at most `limit` runs after the first `offset` (None: all). `num_runs` counts all runs.
        """
        is_paused, places = self.is_paused, self._places()
        end = None if limit is None else offset + limit
        runs = [_describe(place, obstacle, is_paused) for place in places[offset:end]]
        return {"paused": is_paused, "pausable": self._advice is None, "num_runs": len(places), "runs": runs}

    def describe_run(self, run_id: str, obstacle: Callable[[Entry], str | None]) -> dict[str, Any] | None:
        """Describe a queued run as `describe` does. None: it is not queued."""
        found = (place for place in self._places() if place.entry.run_id == run_id)
        return next((_describe(place, obstacle, self.is_paused) for place in found), None)

    def _places(self) -> list[_Place]:
        """List the queued runs, the next one first.

        Runs in the executor's own queue have no position, because their order is unknown here.
        """
        return [
            *(_Place(entry, position) for position, entry in enumerate(self.waiting(), 1)),
            *(_Place(entry, None, entry.problem) for entry in self._unlaunched() if entry.problem is not None),
            *(_Place(_entry_of(run), None, run.reason) for run in self._read_pending()),
        ]

    def _not_queued(self, run_id: str) -> NotQueued:
        state = self._store.find(run_id).state
        return NotQueued(run_id, state, self._advice if state == QUEUED else None)

    def _unlaunched(self) -> list[Entry]:
        return [entry for entry in self._entries.read() if entry.waits]

    def _read_again(self) -> None:
        self._entries.expire()
        self._pending = self._pending._replace(read_at=0.0)

    def _read_pending(self, living: Living | None = None) -> list[Run]:
        """Read the runs in the executor's own queue. A cluster may have many, and every caller needs them."""
        living, now = self._store.living() if living is None else living, time.monotonic()
        if not living:
            return []
        if living.keys() != self._pending.living or now - self._pending.read_at > self._max_age_s:
            self._pending = _Pending(frozenset(living), self._store.pending(living), now)
        return self._pending.runs


class _Place(NamedTuple):
    """A queued run and its position."""

    entry: Entry
    position: int | None
    """From 1. None: the run can never be launched, or waits in the executor's own queue."""
    reason: str | None = None
    """Why a run without a position waits."""


def _entry_of(run: Run) -> Entry:
    """Describe a run that waits in the executor's own queue since it was created."""
    return Entry(run.directory, queued_at=run.created_at, gpus=run.request.get("gpus"))


def _describe(place: _Place, obstacle: Callable[[Entry], str | None], is_paused: bool) -> dict[str, Any]:
    entry, run = place.entry, place.entry.as_run
    return {
        "run_id": entry.run_id,
        "position": place.position,
        "reason": _reason(place, obstacle, is_paused),
        "priority": entry.priority,
        "gpus": entry.gpus,
        "queued_at": entry.queued_at,
        "title": run.title,
        "config_name": run.config_name,
        "model_name": run.model_name,
        "dataset": run.dataset,
    }


def _reason(place: _Place, obstacle: Callable[[Entry], str | None], is_paused: bool) -> str | None:
    if place.position is None:
        return place.reason
    if is_paused:
        return PAUSED
    if place.position == 1:
        return obstacle(place.entry)
    return f"{place.position - 1} runs are ahead of it" if place.position > 2 else "1 run is ahead of it"


class _Pending(NamedTuple):
    """The runs in the executor's own queue, as they were read last."""

    living: frozenset[str]
    """The runs that the executor knew to be alive at that time."""
    runs: list[Run]
    read_at: float
