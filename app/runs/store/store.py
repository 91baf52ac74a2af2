"""Find, list, read and delete run directories. The store remembers nothing that the files could contradict."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from app.runs.exceptions import DeletionRefused, RunActive, RunNotFound
from app.runs.executors.local import processes
from app.runs.executors.local.lock import ActiveLock
from app.runs.filestate import Remembered, file_states
from app.runs.names import is_plain_name
from app.runs.store.listing import Listing, is_run_directory
from app.runs.store.run import Run
from app.runs.store.states import ACTIVE, UNKNOWN, compose, has_verdict
from app.runs.store.survivor import Survivor
from trainer.rundir import RunDir, is_there
from trainer.runner.verdict import INTERRUPTED


class RunStore:
    """The folder of run directories."""

    def __init__(self, runs_dir: Path, lock: ActiveLock, link_roots: tuple[Path, ...] = ()) -> None:
        """`link_roots`: folders outside a run that links in the run may lead to."""
        self.runs_dir = runs_dir
        self.lock = lock
        self._link_roots = link_roots
        self._listing = Listing(runs_dir)
        self._survivor = Survivor(runs_dir, lock.path)
        self._checked_name = Remembered[str | None](None, {})
        """The name in the lock file, once it was found right or repaired."""

    def create(self) -> str:
        """Make a new run directory and return its id: the local time, plus `_2` and so on within one second.

        The caller holds the lock, which still names the last run. So the id of a deleted run is not used again: its
        followers would mistake the new run for it. Raises RunActive if the lock is free only because somebody deleted
        its file under a living run.
        """
        self.runs_dir.mkdir(parents=True, exist_ok=True)
        if (survivor := self._survivor.find()) is not None:
            raise RunActive(survivor, None)
        second = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        number = _number_within(second, self.lock.named() or "")
        while True:
            number += 1
            run_id = second if number == 1 else f"{second}_{number}"
            with suppress(FileExistsError):
                (self.runs_dir / run_id).mkdir()
                return run_id

    def directory(self, run_id: str) -> RunDir:
        """Return a run's directory, which need not exist."""
        return RunDir(self.runs_dir / run_id, self._link_roots)

    def find(self, run_id: str) -> Run:
        """Read one run. Raises RunsUnreadable, and RunNotFound also for a name that would leave the folder."""
        if not is_plain_name(run_id):
            raise RunNotFound(run_id)
        return self._find(self.directory(run_id))

    def find_again(self, run: Run) -> Run:
        """Read a run again. Raises RunNotFound if its directory is gone."""
        return self._find(run.directory)

    def holder(self) -> str | None:
        """Return the id of the run whose processes live: it holds the lock, or somebody deleted its lock file.

        If the lock file names no run, or a run that is over, somebody may have overwritten it. Then the processes that
        hold the lock tell which run it is, and the file is repaired.
        """
        states, named = file_states([self.lock.path]), self.lock.holder()
        if named is None:
            return self._survivor.find()
        if named == self._checked_name.value and self._checked_name.is_current():
            return named
        if not self._may_hold(named):
            self.lock.rename(lambda: _name_of(processes.run_of_holder(self.lock.path)))
            states, named = file_states([self.lock.path]), self.lock.holder()
        self._checked_name = Remembered(named, states)
        return named

    def _may_hold(self, name: str) -> bool:
        is_a_run = is_plain_name(name) and is_run_directory(self.runs_dir / name)
        run = self.directory(name)
        return is_a_run and not has_verdict(run.read_json(run.state) or {})

    def active(self) -> Run | None:
        """Read the run whose processes live, even if its directory is gone; None if nothing runs.

        A run with a verdict is over, even if its last process still holds the lock for a moment.
        """
        holder = self.holder()
        if not is_plain_name(holder):
            return None
        run = self._read(self.directory(holder), holder)
        return run if run.is_active else None

    def active_and_ended(self) -> tuple[Run | None, Run | None]:
        """Return the active run, and the newest run that has ended."""
        return self.active(), next((run for run in self.list() if not run.is_active), None)

    def named(self) -> str | None:
        """Return the id of the run started last, whether or not it has ended."""
        named = self.lock.named()
        return named if is_plain_name(named) and is_run_directory(self.runs_dir / named) else self.holder()

    def ids(self) -> Sequence[str]:
        """List the run ids, newest first."""
        return self._listing.ids()

    def next_sequence(self) -> int:
        """Return the `sequence` for the run.json of a new run: larger than all others, whatever the clock says."""
        return self._listing.next_sequence()

    def read(self, run_ids: Iterable[str]) -> Iterator[Run]:
        """Read the runs that exist, one at a time."""
        holder = self.holder()
        for run_id in run_ids:
            if is_run_directory(self.runs_dir / run_id):
                yield self._read(self.directory(run_id), holder)

    def list(self) -> Iterator[Run]:
        """Read the runs, newest first, one at a time."""
        return self.read(self.ids())

    def latest(self) -> Run | None:
        """Return the active run, else the one started last."""
        return self.active() or next(self.list(), None)

    def kill_processes(self, run: Run) -> Sequence[int]:
        """Kill (SIGKILL) every process that carries the run's mark or holds the lock for it. Return the pids.

        Meanwhile no other run can take the lock, so no process of another run is killed.
        """
        with self.lock.kept_from_others(run.run_id) as is_held:
            return processes.kill_all(run.directory.path, self.lock.path if is_held else None, run.record)

    def delete(self, run_id: str) -> None:
        """Remove a run's directory. Raises RunNotFound, RunActive, DeletionRefused.

        It removes links, never what they lead to. If the run itself is a link, it removes only that link.
        """
        run = self.find(run_id)
        if run.is_active or self.holder() == run_id:
            raise RunActive(run_id, run.pid)
        try:
            remove = os.unlink if run.directory.path.is_symlink() else shutil.rmtree
            remove(run.directory.path)
        except FileNotFoundError as error:
            raise RunNotFound(run_id) from error
        except OSError as error:
            raise DeletionRefused(run_id, error.strerror or str(error)) from error

    def _find(self, directory: RunDir) -> Run:
        if not is_run_directory(directory.path):
            raise RunNotFound(directory.run_id)
        return self._read(directory, self.holder())

    def _read(self, directory: RunDir, holder: str | None) -> Run:
        path = directory.path
        record = directory.read_json(directory.state) or {}
        state, reason = compose(directory, record, _is_alive(directory, record, holder))
        if state in (INTERRUPTED, UNKNOWN) and not has_verdict(record):
            # The run may have taken the lock, or written its verdict, since `holder` was read. A start takes the lock
            # before it makes the directory, and the lock falls after the verdict. So this order gives the truth.
            holder = self.holder()
            record = directory.read_json(directory.state) or {}
            state, reason = compose(directory, record, _is_alive(directory, record, holder))
        if state == UNKNOWN:
            record = {}
        is_lost = "runner" not in record and (is_there(directory.state) or not is_there(path))
        if state in ACTIVE and is_lost:
            record = record | {"pid": _pid_of_holder(path, self.lock.path)}
        return Run(directory, state, reason, record)


def _is_alive(run: RunDir, record: dict[str, Any], holder: str | None) -> bool:
    """Whether a process of the run lives. Somebody may have deleted the lock file, so the runner counts too."""
    return holder == run.run_id or (not has_verdict(record) and processes.is_runner_alive(record))


def _number_within(second: str, run_id: str) -> int:
    """Return the number of a run within its second, from 1; 0 for a run of another second."""
    match = re.fullmatch(rf"{second}(?:_(\d+))?", run_id)
    return int(match[1] or 1) if match else 0


def _name_of(path: Path | None) -> str | None:
    return path.name if path is not None else None


def _pid_of_holder(run_path: Path, lock_path: Path) -> int | None:
    """Find the pid of an active run without a usable state.json: its oldest process that is not the runner."""
    found = [p for p in processes.find(run_path, lock_path) if "trainer.runner" not in processes.command_line(p)]
    return min(found, key=lambda p: p.create_time()).pid if found else None
