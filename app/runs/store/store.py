"""Find, list, read and delete run directories. The store remembers nothing that the files could contradict.

Each call asks the executor which runs live. Whoever makes several calls for one answer asks it once, with
`RunStore.living`, and passes the report on.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.runs.exceptions import DeletionRefused, RunActive, RunNeeded, RunNotFound, RunQueued, RunsUnreadable
from app.runs.executors.executor import Executor, Found, Gone, Ref, Running
from app.runs.names import is_plain_name
from app.runs.store.cached import CachedRunDir
from app.runs.store.ids import Ids
from app.runs.store.listing import Listing, is_run_directory
from app.runs.store.newrun import NewRun, remove_abandoned
from app.runs.store.run import Run
from app.runs.store.states import ACTIVE, QUEUED, UNKNOWN, compose, is_missing
from trainer.rundir import RunDir, is_there
from trainer.runner.statefile import has_verdict, read_record
from trainer.runner.verdict import INTERRUPTED

IDS_LOCK = "ids.lock"
MAX_CACHED = 32
"""The run directories whose JSON files are cached: those used last."""

Living = Mapping[str, Found]
"""The runs that the executor knows to be pending or running, by id, with what it says about them."""


def remove_tree(path: Path) -> None:
    """Remove a folder with everything in it. Raises OSError.

    It removes links, never what they lead to. If the folder itself is a link, it removes only that link.
    """
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path)


class RunStore:
    """The folder of run directories. Its executor says which runs live."""

    def __init__(self, runs_dir: Path, executor: Executor, link_roots: tuple[Path, ...] = ()) -> None:
        """`link_roots`: folders outside a run that links in the run may lead to."""
        self.runs_dir = runs_dir
        self._executor = executor
        self.directory: Callable[[str], RunDir] = lru_cache(MAX_CACHED)(
            lambda run_id: CachedRunDir(runs_dir / run_id, link_roots)
        )
        """Return the directory of a run by its id. It need not exist."""
        self.listing = Listing(runs_dir)
        """The order in which the runs were created."""
        self._ids = Ids(runs_dir.parent / IDS_LOCK)
        self._unqueued: frozenset[str] = frozenset()
        """The runs that are known to have no queued.json, and so never get one."""

    def create(self) -> NewRun:
        """Make the directory of a new run under a hidden name. Raises OSError."""
        self.runs_dir.mkdir(parents=True, exist_ok=True)
        remove_abandoned(self.runs_dir)
        while True:
            run_id = self._ids.next(self.runs_dir)
            new = NewRun(self.directory(run_id), self.directory(f".{run_id}"))
            with suppress(FileExistsError):  # The clock was set back, or the file of the ids was deleted.
                new.files.path.mkdir()
                return new

    def find(self, run_id: str) -> Run:
        """Read one run. Raises RunsUnreadable, and RunNotFound also for a name that would leave the folder."""
        if not is_plain_name(run_id):
            raise RunNotFound(run_id)
        return self._find(self.directory(run_id))

    def find_again(self, run: Run, living: Living | None = None) -> Run:
        """Read a run again. Raises RunNotFound if its directory is gone."""
        return self._find(run.directory, living)

    def living(self) -> Living:
        """Ask the executor."""
        return self._executor.find()

    def active(self, living: Living | None = None) -> Sequence[Run]:
        """Read the runs whose processes live, even without a directory. The run that started last comes first.

        A run with a verdict is over, even if its last process still lives for a moment.
        """
        found = self.living() if living is None else living
        runs = (self._read(self.directory(run_id), found) for run_id in found)
        return sorted((run for run in runs if run.is_active), key=_started, reverse=True)

    def pending(self, living: Living | None = None) -> list[Run]:
        """Read the runs that wait in the executor's own queue, in no particular order."""
        found = self.living() if living is None else living
        asked = (run_id for run_id, each in found.items() if not isinstance(each, Running))
        return [run for run_id in asked if (run := self._read(self.directory(run_id), found)).state == QUEUED]

    def ids(self) -> Sequence[str]:
        """List the run ids, newest first."""
        return self.listing.ids()

    def read(self, run_ids: Iterable[str], living: Living | None = None) -> Iterator[Run]:
        """Read the runs that exist, one at a time."""
        found = self.living() if living is None else living
        for run_id in run_ids:
            if is_run_directory((directory := self.directory(run_id)).path):
                yield self._read(directory, found)

    def list(self) -> Iterator[Run]:
        """Read the runs, newest first, one at a time."""
        return self.read(self.ids())

    def began(self, living: Living | None = None, without: Collection[Run] = ()) -> Iterator[Run]:
        """Read the runs that do not wait in the queue, newest first, one at a time. Leave out those that were read."""
        known = {run.run_id for run in without}
        others = (run_id for run_id in self.ids() if run_id not in known)
        return self.read((run_id for run_id in others if not is_there(self.directory(run_id).queued)), living)

    def latest(self) -> Run | None:
        """Return the active run that started last. If none is active, return the last of those that ever began."""
        living = self.living()
        return next(iter(self.active(living)), None) or next(self.began(living), None)

    def refuse_needed(self, run_id: str) -> None:
        """Raise RunNeeded if a queued or active run resumes from this one."""
        for run in (*self.active(), *self.pending(), *self.read(self._queued())):
            if not run.is_over and run.request.get("resume_from") == run_id:
                raise RunNeeded(run_id, run.run_id, run.state)

    def delete(self, run_id: str, remove: Callable[[Path], None] = remove_tree) -> None:
        """Remove a run's directory by `remove`, which may also move it away, as the trash does.

        Raises RunNotFound, RunActive, RunQueued, RunNeeded, DeletionRefused.
        """
        run = self.find(run_id)
        if run.state == QUEUED:
            raise RunQueued(run_id)
        if not run.is_over or run_id in self._executor.find():
            raise RunActive([run_id], run.pid)
        self.refuse_needed(run_id)
        try:
            remove(run.directory.path)
        except FileNotFoundError as error:
            raise RunNotFound(run_id) from error
        except OSError as error:
            raise DeletionRefused(run_id, error.strerror or str(error)) from error

    def _queued(self) -> Collection[str]:
        """Find the runs with a queued.json, in no particular order.

        Only a new run can have a new one, which exists before its name. So if many runs are deleted one by one, the
        remaining ones are not visited each time. Raises RunsUnreadable.
        """
        try:
            names = frozenset(name for name in os.listdir(self.runs_dir) if not name.startswith("."))
        except OSError as error:
            raise RunsUnreadable(str(self.runs_dir), error) from error
        others = names - self._unqueued
        unqueued = frozenset(name for name in others if is_missing(RunDir(self.runs_dir / name).queued))
        self._unqueued = self._unqueued & names | unqueued
        return others - unqueued

    def _find(self, directory: RunDir, living: Living | None = None) -> Run:
        if not is_run_directory(directory.path):
            raise RunNotFound(directory.run_id)
        return self._read(directory, self.living() if living is None else living)

    def _read(self, directory: RunDir, found: Living) -> Run:
        record = read_record(directory)
        state, reason = compose(directory, record, self._found(directory, record, found))
        if state in (INTERRUPTED, UNKNOWN) and not has_verdict(record):
            # The run may have been launched, or its verdict written, since the executor was asked. An executor knows a
            # run before its directory gets its name, and until its verdict is written. So this order gives the truth.
            found = self._executor.find()
            record = read_record(directory)
            state, reason = compose(directory, record, self._found(directory, record, found))
        if state == UNKNOWN:
            record = {}
        if state in ACTIVE and "runner" not in record and (is_there(directory.state) or not is_there(directory.path)):
            record = record | {"pid": next(iter(self._executor.processes(Ref.read(directory)).others), None)}
        return Run(directory, state, reason, record)

    def _found(self, run: RunDir, record: dict[str, Any], found: Living) -> Found:
        if run.run_id in found or has_verdict(record):
            return found.get(run.run_id, Gone())
        return self._executor.find([Ref.read(run)])[run.run_id]


def _started(run: Run) -> tuple[str, str]:
    """Sort by the time at which the runner began. A run without a runner begins right now."""
    return run.started_at or "~", run.run_id
