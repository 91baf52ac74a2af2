"""The runs that were created a moment ago, by any server process."""

from __future__ import annotations

from app.runs.queue.queue import Queue
from app.runs.store.run import Run
from app.runs.store.states import QUEUED
from app.runs.store.store import Living, RunStore
from app.runs.times import seconds_between
from trainer.rundir import utc_now

FRESH_S = 60.0


class Newcomers:
    """Notice every run that begins, even one that ends before the next check. A copied directory does not count.

    A run begins when it is created or, if it has to wait, when it leaves our queue or the executor's.
    """

    def __init__(self, store: RunStore, queue: Queue) -> None:
        self._store = store
        self._queue = queue
        self._queued: set[str] = set()
        self._last_sequence: int | None = None

    def read(self, living: Living) -> list[Run]:
        """Read the runs that began since the last call, in that order. The first call returns none."""
        created, queued = self._created(), set(self._queue.ids(living))
        left, self._queued = self._queued - queued, queued
        if not left and not created:
            return []
        began = (run for run in self._store.read([*sorted(left), *created], living) if run.state != QUEUED)
        return [run for run in began if not run.is_over or run.run_id in left or _is_fresh(run)]

    def _created(self) -> list[str]:
        last, self._last_sequence = self._last_sequence, self._store.listing.last_sequence()
        return [] if last in (None, self._last_sequence) else self._store.listing.created_after(last)


def _is_fresh(run: Run) -> bool:
    """Whether the run ended a moment ago. A copy of a run keeps its times."""
    age_s = seconds_between(run.ended_at or run.created_at, utc_now())
    return age_s is not None and abs(age_s) < FRESH_S
