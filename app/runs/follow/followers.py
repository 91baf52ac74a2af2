"""The followers of runs: one of the active run, and some of past runs that clients requested."""

from __future__ import annotations

import os
from collections.abc import Iterator

from app.runs.collect.runmetrics import RunMetrics
from app.runs.exceptions import NoRuns, RunNotFound
from app.runs.filestate import FileStates, file_states
from app.runs.follow.events import Event, batches
from app.runs.follow.follower import Follower
from app.runs.follow.past import PastRuns
from app.runs.store.run import Run
from app.runs.store.store import RunStore
from trainer.runner.verdict import INTERRUPTED

_REMOVED = "the run's directory was removed"


class Followers:
    """The followers of the active run, of the next ones, and of past runs. They use only the lock and the files."""

    def __init__(self, store: RunStore, metrics: RunMetrics) -> None:
        self._store = store
        self._metrics = metrics
        self._current: Follower | None = None
        """The follower of the active run, or of the run that was active last."""
        self._unread: Iterator[list[Event]] | None = None
        """The batches that the last read of the active run has not yielded yet."""
        self._past = PastRuns(metrics)
        self._has_read = False

    @property
    def current(self) -> Run | None:
        """The active run, until the caller has read all its events."""
        return self._current.run if self._current is not None and not self._current.is_over else None

    @property
    def states(self) -> FileStates:
        """The states of the active run's files. A change means that there is something new to read.

        They do not show every change: the metrics may be in a new file, and some network file systems report changes
        late.
        """
        return file_states(self._current.files) if self._current is not None and not self._current.is_over else {}

    @property
    def has_unread(self) -> bool:
        """Whether the caller of `read_new` stopped before the end."""
        return self._unread is not None

    def read_new(self) -> Iterator[tuple[Run, list[Event]]]:
        """Yield the new events of the active run in batches. If it is over, also yield those of the next run.

        A caller that stops after a batch gets the following batches from its next call.
        """
        if self._current is not None and not self._current.is_over:
            yield from self._read_new(self._current)
        if self._current is None or self._current.is_over:  # No other run can start before the current one is over.
            named = self._store.named()
            if named is not None and (self._current is None or self._current.run.run_id != named):
                yield from self._follow(named)
        self._has_read = True

    def published(self, run_id: str | None) -> Follower | None:
        """Return the follower of a run (None: of the active or last one) if `read_new` reads that run."""
        current = self._current
        is_wanted = current is not None and run_id in (None, current.run.run_id)
        return current if is_wanted and current is not None and _exists(current.run) else None

    def find(self, run_id: str | None) -> Run:
        """Find a run (None: the active or last one). Raises RunNotFound and NoRuns."""
        run = self._store.find(run_id) if run_id is not None else self._store.latest()
        if run is None:
            raise NoRuns
        return run

    def past(self, run: Run) -> Follower:
        """Return the follower of a run that `read_new` does not read. Reading it may take long."""
        return self._past.follower(run)

    def known(self, run: Run) -> Follower | None:
        """Return the follower of a run that `past` has read lately, or None."""
        return self._past.known(run.run_id)

    def _follow(self, run_id: str) -> Iterator[tuple[Run, list[Event]]]:
        try:
            self._current = Follower(self._store.find(run_id), self._metrics.collect)
        except RunNotFound:
            return
        if not self._has_read:  # The run was active before this process. Clients ask for its past.
            self._unread = ([] for _ in self._current.skip_to_end())
            self._has_read = True
        yield from self._read_new(self._current)

    def _read_new(self, follower: Follower) -> Iterator[tuple[Run, list[Event]]]:
        if self._unread is None:
            self._unread = batches(follower.read_new(self._read(follower.run)))
        for batch in self._unread:
            yield follower.run, batch
        self._unread = None
        yield follower.run, []

    def _read(self, run: Run) -> Run:
        """Read the run again, even if its directory has been removed."""
        try:
            return self._store.find_again(run)
        except RunNotFound:
            active = self._store.active()
            if active is not None and active.run_id == run.run_id:
                return active
            return Run(run.directory, INTERRUPTED, _REMOVED, {})


def _exists(run: Run) -> bool:
    return run.is_active or os.path.isdir(run.directory.path)
