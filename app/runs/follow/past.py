"""Followers of runs that nobody publishes, kept because a client reads a long run in many chunks."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from app.runs.filestate import FileStates, Remembered, file_states
from app.runs.follow.follower import Follower
from app.runs.store.run import Run

MAX_PAST = 16


class PastRuns:
    """Keep the followers of the runs that clients asked for last. Threads may share it.

    Reading a run with a long metrics file takes long. Only clients that ask for the same run wait for it. One step of
    one such reading is done at a time, so that nobody else waits for more than a step.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._step = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def follower(self, run: Run) -> Follower:
        """Return a follower that has read everything in the run's files."""
        with self._mutex:
            kept = self._kept.setdefault(run.run_id, _Kept())
            self._kept.move_to_end(run.run_id)
            if len(self._kept) > MAX_PAST:
                self._kept.popitem(last=False)
        with kept.mutex:
            states = _states(run)
            has_other_files = kept.follower is not None and kept.follower.states.keys() != states.keys()
            if kept.follower is None or has_other_files or not kept.follower.is_current():
                kept.follower = Remembered(self._read(run), states)
            kept.follower.value.run = run
            return kept.follower.value

    def known(self, run_id: str) -> Follower | None:
        """Return the follower of a run if it is kept. It stays longer then."""
        with self._mutex:
            kept = self._kept.get(run_id)
            if kept is None or kept.follower is None:
                return None
            self._kept.move_to_end(run_id)
            return kept.follower.value

    def _read(self, run: Run) -> Follower:
        follower = Follower(run)
        steps, is_done = follower.skip_to_end(), False
        while not is_done:
            with self._step:
                is_done = next(steps, True) is True
            time.sleep(0)
        return follower


def _states(run: Run) -> FileStates:
    metrics = run.directory.find_metrics()
    return file_states([run.directory.path, run.directory.log, *([metrics.path] if metrics else [])])


@dataclass
class _Kept:
    mutex: threading.Lock = field(default_factory=threading.Lock)
    follower: Remembered[Follower] | None = None
