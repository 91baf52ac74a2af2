"""The followers of runs: those of the active runs, and some of past runs that clients requested."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

from app.runs.collect.runmetrics import RunMetrics
from app.runs.exceptions import NoRuns, RunNotFound
from app.runs.filestate import FileStates, file_states
from app.runs.follow.events import Event, batches
from app.runs.follow.follower import Follower
from app.runs.follow.newcomers import Newcomers
from app.runs.follow.past import PastRuns
from app.runs.follow.settling import Settling
from app.runs.queue.queue import Queue
from app.runs.store.run import Run
from app.runs.store.store import Living, RunStore
from trainer.rundir import is_there
from trainer.runner.verdict import INTERRUPTED

_REMOVED = "the run's directory was removed"


@dataclass
class _Followed:
    """A run that `read_new` reads."""

    number: int
    """Larger for a run that started later."""
    follower: Follower
    unread: Iterator[list[Event]] | None = None
    """The batches that the last read has not yielded yet."""
    has_begun: bool = False
    """Whether `read_new` has read the run."""
    states: FileStates = field(default_factory=dict)
    """The states of the run's files before the last read."""

    @property
    def is_over(self) -> bool:
        return self.follower.is_over


class Followers:
    """The followers of the active runs, of the next ones, and of past runs. They use only the store and the files.

    Clients that name no run follow the latest one: the active run that started last, or else the run that was active
    last.
    """

    def __init__(self, store: RunStore, queue: Queue, metrics: RunMetrics) -> None:
        self._store = store
        self._metrics = metrics
        self._followed: dict[str, _Followed] = {}
        """The active runs, and the latest run."""
        self._turns: deque[str] = deque()
        """The same runs, in the order in which `read_new` reads them."""
        self._latest: _Followed | None = None
        self._counter = count()
        self._newcomers = Newcomers(store, queue)
        self._settling = Settling()
        self.past = PastRuns(metrics)
        """The followers of runs that `read_new` does not read."""
        self._has_read = False

    @property
    def active(self) -> list[Run]:
        """The active runs, each until the caller has read all its events. The run that started last comes first."""
        followed = sorted(self._followed.copy().values(), key=lambda each: each.number, reverse=True)
        return [each.follower.run for each in followed if not each.is_over]

    @property
    def latest_run_id(self) -> str | None:
        return self._latest.follower.run.run_id if self._latest is not None else None

    @property
    def states(self) -> FileStates:
        """The states of the active runs' files. A change means that there is something new to read.

        They do not show every change: the metrics may be in a new file, and some network file systems report changes
        late.
        """
        files = (each.follower.files for each in list(self._followed.values()) if not each.is_over)
        return file_states(path for paths in files for path in paths)

    @property
    def has_unread(self) -> bool:
        """Whether the caller of `read_new` stopped before the end."""
        return any(each.unread is not None for each in list(self._followed.values()))

    def read_new(self, living: Living) -> Iterator[tuple[Run, list[Event]]]:
        """Yield the new events in batches, one run after the other.

        A caller that stops after a batch gets the following batches from its next calls, and those of the other runs
        before them.
        """
        self._discover(living)
        for _ in range(len(self._turns)):
            followed = self._followed[self._turns[0]]
            self._turns.rotate(-1)
            if not followed.is_over:
                yield from self._choose_latest(followed)
                yield from self._read_new(followed, living)
        yield from self._choose_latest()
        self._forget_past()

    def publish_again(self, run_id: str) -> bool:
        """Let the next `read_new` publish a run whose notes have changed. Return False if it does not read that run."""
        followed = self._followed.get(run_id)
        if followed is None or followed.is_over:
            return False
        followed.follower.publish_again()
        return True

    def published(self, run_id: str | None) -> Follower | None:
        """Return the follower of a run (None: of the latest one) if `read_new` reads that run, or has read all of it.

        A run that is over is not read again, although its files may be removed or replaced.
        """
        followed = self._followed.get(run_id) if run_id is not None else self._latest
        if followed is None or (followed.is_over and _is_changed(followed)):
            return None
        return followed.follower

    def find(self, run_id: str | None) -> Run:
        """Find a run (None: the latest one). Raises RunNotFound and NoRuns."""
        if run_id is None and self._latest is not None:
            with suppress(RunNotFound):
                return self._store.find(self._latest.follower.run.run_id)
        run = self._store.find(run_id) if run_id is not None else self._store.latest()
        if run is None:
            raise NoRuns
        return run

    def _discover(self, living: Living) -> None:
        """Follow the runs that are active now, and those that came and went since the last call."""
        runs = [*self._newcomers.read(living), *reversed(self._store.active(living))]
        if not self._has_read and not runs and (latest := self._store.latest()) is not None:
            runs = [self._settling.reopen(latest)]
        for run in runs:
            if run.run_id in self._followed:
                continue
            followed = self._followed[run.run_id] = _Followed(next(self._counter), Follower(run, self._metrics.collect))
            self._turns.append(run.run_id)
            if not self._has_read:  # The run began before this process. Clients ask for its past.
                followed.unread = ([] for _ in followed.follower.skip_to_end())
        self._has_read = True

    def _choose_latest(self, next_read: _Followed | None = None) -> Iterator[tuple[Run, list[Event]]]:
        """Choose the latest run of those that have been read, and of `next_read`.

        If that is a run that was read before, its events do not begin now. So yield its position: clients that follow
        the latest run then notice what they lack.
        """
        candidates = [each for each in self._followed.values() if each.has_begun or each is next_read]
        latest = max(candidates, key=lambda each: (not each.is_over, each.number), default=None)
        if latest is not self._latest and latest is not None:
            self._latest = latest
            if latest.has_begun:
                yield latest.follower.run, latest.follower.position()

    def _read_new(self, followed: _Followed, living: Living) -> Iterator[tuple[Run, list[Event]]]:
        follower, followed.has_begun = followed.follower, True
        followed.states = _states(follower)
        if followed.unread is None:
            followed.unread = batches(follower.read_new(self._read(follower.run, living)))
        for batch in followed.unread:
            yield follower.run, batch
        followed.unread = None
        yield follower.run, []

    def _forget_past(self) -> None:
        for run_id, followed in list(self._followed.items()):
            if followed.is_over and followed is not self._latest:
                del self._followed[run_id]
                self._turns.remove(run_id)

    def _read(self, run: Run, living: Living) -> Run:
        """Read the run again, even if its directory has been removed."""
        try:
            return self._settling.hold_back(run, self._store.find_again(run, living))
        except RunNotFound:
            active = (each for each in self._store.active(living) if each.run_id == run.run_id)
            return next(active, Run(run.directory, INTERRUPTED, _REMOVED, {}))


def _is_changed(followed: _Followed) -> bool:
    """Whether the files of a run were changed or removed since they were read."""
    directory = followed.follower.run.directory
    return not is_there(directory.path) or _states(followed.follower) != followed.states


def _states(follower: Follower) -> FileStates:
    return file_states([follower.run.directory.run, *follower.files])
