"""The followers of runs: one for the active run, and some for past runs that clients requested."""

from __future__ import annotations

import os
from collections.abc import Iterator

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
    """Follow whatever runs, now and next, from the lock and the files alone."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._current: Follower | None = None
        """Follows the active run, or the one that was active last."""
        self._unread: Iterator[list[Event]] | None = None
        """What the last read of the active run has not yielded yet."""
        self._past = PastRuns()
        self._has_looked = False

    @property
    def current(self) -> Run | None:
        """The active run, until all its events were read."""
        return self._current.run if self._current is not None and not self._current.is_over else None

    @property
    def states(self) -> FileStates:
        """The states of the files whose change means news of the active run.

        They do not show all news: a metrics file may be a new one, and some network file systems report changes late.
        """
        return file_states(self._current.files) if self._current is not None and not self._current.is_over else {}

    @property
    def has_unread(self) -> bool:
        """Whether the caller of `read_new` left before the end."""
        return self._unread is not None

    def read_new(self) -> Iterator[tuple[Run, list[Event]]]:
        """Yield what is new of the active run, in batches, and then, if it is over, what is new of the next one.

        A caller that leaves after a batch gets the next ones from its next call.
        """
        if self._current is not None and not self._current.is_over:
            yield from self._read_new(self._current)
        if self._current is None or self._current.is_over:  # Else no other run can have started.
            named = self._store.named()
            if named is not None and (self._current is None or self._current.run.run_id != named):
                yield from self._follow(named)
        self._has_looked = True

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
        """Read a run that nobody publishes, which may take long."""
        return self._past.follower(run)

    def known(self, run: Run) -> Follower | None:
        """Return the follower of a run that `past` has read lately."""
        return self._past.known(run.run_id)

    def _follow(self, run_id: str) -> Iterator[tuple[Run, list[Event]]]:
        try:
            self._current = Follower(self._store.find(run_id))
        except RunNotFound:
            return
        if not self._has_looked:  # It was active before we were. Who wants its past asks for it.
            self._unread = ([] for _ in self._current.skip_to_end())
            self._has_looked = True
        yield from self._read_new(self._current)

    def _read_new(self, follower: Follower) -> Iterator[tuple[Run, list[Event]]]:
        if self._unread is None:
            self._unread = batches(follower.read_new(self._read(follower.run)))
        for batch in self._unread:
            yield follower.run, batch
        self._unread = None
        yield follower.run, []

    def _read(self, run: Run) -> Run:
        """Read the run again, even if its directory is gone."""
        try:
            return self._store.find_again(run)
        except RunNotFound:
            active = self._store.active()
            if active is not None and active.run_id == run.run_id:
                return active
            return Run(run.directory, INTERRUPTED, _REMOVED, {})


def _exists(run: Run) -> bool:
    return run.is_active or os.path.isdir(run.directory.path)
