"""Cache the followers of past runs, because a client reads a long run in many chunks."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from app.runs.collect.runmetrics import RunMetrics
from app.runs.filestate import FileStates, Remembered, file_states
from app.runs.follow.follower import Follower
from app.runs.store.run import Run

MAX_PAST = 16


class PastRuns:
    """The followers of the runs that clients requested last. Thread-safe.

    Reading a long metrics file takes long. Only clients that request the same run wait for it. The reading threads take
    turns after each step, so every other thread waits for at most one step.
    """

    def __init__(self, metrics: RunMetrics) -> None:
        self._metrics = metrics
        self._mutex = threading.Lock()
        self._step = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def follower(self, run: Run) -> Follower:
        """Return a follower that has read everything in the run's files, which may take long."""
        with self._mutex:
            entry = self._entries.setdefault(run.run_id, _Entry())
            self._entries.move_to_end(run.run_id)
            if len(self._entries) > MAX_PAST:
                self._entries.popitem(last=False)
        with entry.mutex:
            states = self._states(run)
            has_other_files = entry.follower is not None and entry.follower.states.keys() != states.keys()
            if entry.follower is None or has_other_files or not entry.follower.is_current():
                entry.follower = Remembered(self._read(run), states)
            entry.follower.value.run = run
            return entry.follower.value

    def known(self, run_id: str) -> Follower | None:
        """Return the follower of a run if it is cached, else None."""
        with self._mutex:
            entry = self._entries.get(run_id)
            if entry is None or entry.follower is None:
                return None
            self._entries.move_to_end(run_id)
            return entry.follower.value

    def _read(self, run: Run) -> Follower:
        follower = Follower(run, self._metrics.collect)
        steps, is_done = follower.skip_to_end(), False
        while not is_done:
            with self._step:
                is_done = next(steps, True) is True
            time.sleep(0)
        return follower

    def _states(self, run: Run) -> FileStates:
        return file_states([run.directory.path, run.directory.find_log(), *self._metrics.find(run).files])


@dataclass
class _Entry:
    mutex: threading.Lock = field(default_factory=threading.Lock)
    follower: Remembered[Follower] | None = None
