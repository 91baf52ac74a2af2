"""The followers of runs: one for the active run, and some for past runs that clients asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.runs.exceptions import NoRuns, RunNotFound
from app.runs.filestate import FileStates, Remembered, file_states
from app.runs.follow.events import Event
from app.runs.follow.follower import Follower
from app.runs.store.run import Run
from app.runs.store.store import RunStore
from trainer.runner.verdict import INTERRUPTED

MAX_PAST = 8
_REMOVED = "the run's directory was removed"


class Followers:
    """Follow whatever runs, now and next, from the lock and the files alone."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._current: Follower | None = None
        """Follows the active run, or the one that was active last."""
        self._past: dict[str, Remembered[Follower]] = {}
        """Followers of runs that are over. The one requested last comes last."""
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

    def read_new(self) -> Iterator[tuple[Run, Sequence[Event]]]:
        """Yield what is new of the active run, and then, if it is over, what is new of the next one."""
        if self._current is not None and not self._current.is_over:
            yield self._read_new(self._current)
        if self._current is None or self._current.is_over:  # Else no other run can have started.
            named = self._store.named()
            if named is not None and (self._current is None or self._current.run.run_id != named):
                yield from self._follow(named)
        self._has_looked = True

    def find(self, run_id: str | None) -> Follower:
        """Return the follower of a run (None: of the active or last one). Raises RunNotFound and NoRuns."""
        current = self._current
        if current is not None and run_id in (None, current.run.run_id) and _exists(current.run):
            return current
        run = self._store.find(run_id) if run_id is not None else self._store.latest()
        if run is None:
            raise NoRuns
        return self._find_past(run)

    def _find_past(self, run: Run) -> Follower:
        """Read a run that nobody publishes. A finished one is kept, because its page may request it in many pieces."""
        metrics = run.directory.find_metrics()
        states = file_states([run.directory.path, run.directory.log, *([metrics.path] if metrics else [])])
        known = self._past.pop(run.run_id, None)
        has_other_files = known is not None and known.states.keys() != states.keys()  # A metrics file appeared.
        if known is None or has_other_files or not known.is_current():
            follower = Follower(run)
            follower.skip_to_end()
            known = Remembered(follower, states)
        known.value.run = run
        if not run.is_active:
            self._past[run.run_id] = known
        if len(self._past) > MAX_PAST:
            self._past.pop(next(iter(self._past)))
        return known.value

    def _follow(self, run_id: str) -> Iterator[tuple[Run, Sequence[Event]]]:
        try:
            self._current = Follower(self._store.find(run_id))
        except RunNotFound:
            return
        if not self._has_looked:  # It was active before we were. Who wants its past asks for it.
            self._current.skip_to_end()
        yield self._read_new(self._current)

    def _read_new(self, follower: Follower) -> tuple[Run, Sequence[Event]]:
        run = self._read(follower.run)
        return run, follower.read_new(run)

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
    return run.is_active or run.directory.path.is_dir()
