"""The trash: deleted runs that can be restored for a day.

A deleted run is moved to `trash/DELETED_AT/RUN_ID`, beside the runs folder. DELETED_AT is the time in microseconds
since 1970, so runs with the same id do not collide, and the name tells when a run expires. A run that is being
removed gets a hidden name first, so half a run is never restored, and `expire` finishes what a crash interrupted.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.runs.exceptions import DeletionRefused, NotInTrash, RestoreRefused, TrashUnusable
from app.runs.retention.sizes import Sizes
from app.runs.store.run import Run
from app.runs.store.store import RunStore, remove_tree
from app.runs.times import format_time
from trainer.rundir import RunDir
from trainer.runner.statefile import has_verdict, read_record
from trainer.runner.verdict import INTERRUPTED

TRASH = "trash"
KEEP_S = 24 * 3600
MAX_MEASURE_S = 0.25
"""A list waits this long for the sizes of its runs. The next list continues the measurement."""
_PLACE = re.compile(r"\d{16}", re.ASCII)


@dataclass(frozen=True)
class TrashedRun:
    """A run in the trash. `deleted_us`: when it was deleted, in microseconds since 1970."""

    directory: RunDir
    deleted_us: int

    @property
    def run_id(self) -> str:
        return self.directory.run_id

    @property
    def expires_us(self) -> int:
        return self.deleted_us + KEEP_S * 10**6

    def read(self) -> Run:
        """Read the run. Without a verdict it was interrupted, because an active run cannot be deleted."""
        record = read_record(self.directory)
        state = record["state"] if has_verdict(record) else INTERRUPTED
        return Run(self.directory, state, None, record)


class Trash:
    """The folder of deleted runs. Several server processes may use it at once, because they only rename."""

    def __init__(self, store: RunStore, folder: Path) -> None:
        """`folder` must be on the same file system as the runs."""
        self._store = store
        self._folder = folder

    def put(self, run_id: str) -> None:
        """Move a run to the trash. Raises TrashUnusable, and as RunStore.delete."""
        self._store.delete(run_id, self._take)

    def runs(self) -> list[TrashedRun]:
        """List the runs, the one deleted last first."""
        found = [run for name in self._names() if _PLACE.fullmatch(name) for run in self._in(name)]
        return sorted(found, key=lambda run: run.deleted_us, reverse=True)

    def describe(self, sizes: Sizes) -> list[dict[str, Any]]:
        """Describe the runs for clients."""
        deadline = time.monotonic() + MAX_MEASURE_S
        return [
            _describe(run, sizes.measure(run.directory.path, True, deadline - time.monotonic())) for run in self.runs()
        ]

    def restore(self, run_id: str) -> None:
        """Move back the run with this id that was deleted last. Raises NotInTrash, RestoreRefused."""
        run = self._find(run_id)
        target = self._store.runs_dir / run_id
        if os.path.lexists(target):
            raise RestoreRefused(run_id, "the runs folder already has a run with that id. Delete or rename it first")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(run.directory.path, target)
        except FileNotFoundError as error:
            raise NotInTrash(run_id) from error
        except OSError as error:
            raise RestoreRefused(run_id, error.strerror or str(error)) from error
        with suppress(OSError):
            run.directory.path.parent.rmdir()

    def delete(self, run_id: str) -> None:
        """Remove a run for good. Raises NotInTrash, DeletionRefused."""
        self._remove(str(self._find(run_id).deleted_us))

    def empty(self) -> int:
        """Remove all runs for good, and return how many. Raises as `expire`."""
        runs = self.runs()
        self._remove_all(str(run.deleted_us) for run in runs)
        return len(runs)

    def expire(self) -> None:
        """Remove expired runs, and what a crash left half removed. Only the holder of the supervisor lock may call it.

        Raises DeletionRefused for a run that cannot be removed, after it has removed the others.
        """
        due_us = time.time_ns() // 1000 - KEEP_S * 10**6
        self._remove_all(
            name.removeprefix(".")
            for name in self._names()
            if name.startswith(".") or (_PLACE.fullmatch(name) and int(name) <= due_us)
        )

    def _take(self, path: Path) -> None:
        self._folder.mkdir(exist_ok=True)
        place = self._new_place()
        try:
            os.rename(path, place / path.name)
        except OSError as error:
            place.rmdir()
            if error.errno == errno.EXDEV:
                raise TrashUnusable(path.name, self._folder) from error
            raise

    def _new_place(self) -> Path:
        """Create the folder for a run that is being deleted."""
        deleted_us = time.time_ns() // 1000
        while True:
            place = self._folder / str(deleted_us)
            with suppress(FileExistsError):  # Another process deleted a run in the same microsecond.
                place.mkdir()
                return place
            deleted_us += 1

    def _names(self) -> list[str]:
        try:
            return os.listdir(self._folder)
        except FileNotFoundError:
            return []

    def _in(self, name: str) -> Iterator[TrashedRun]:
        with suppress(FileNotFoundError, NotADirectoryError):  # Another process restored or removed it.
            for run_id in os.listdir(self._folder / name):
                yield TrashedRun(RunDir(self._folder / name / run_id), int(name))

    def _find(self, run_id: str) -> TrashedRun:
        found = next((run for run in self.runs() if run.run_id == run_id), None)
        if found is None:
            raise NotInTrash(run_id)
        return found

    def _remove_all(self, names: Iterable[str]) -> None:
        """Remove all that can be removed. A failure must not keep the others from being removed."""
        refused: DeletionRefused | None = None
        for name in names:
            try:
                self._remove(name)
            except DeletionRefused as error:
                refused = error
        if refused is not None:
            raise refused

    def _remove(self, name: str) -> None:
        """Remove the run that was deleted at this time. The rename makes it unrestorable. Raises DeletionRefused."""
        hidden = self._folder / f".{name}"
        with suppress(FileNotFoundError):  # Another process is removing it, or was killed while doing so.
            os.rename(self._folder / name, hidden)
        try:
            for path in hidden.iterdir():
                remove_tree(path)
            hidden.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            raise DeletionRefused(str(hidden), error.strerror or str(error)) from error


def _describe(trashed: TrashedRun, size_bytes: int | None) -> dict[str, Any]:
    run = trashed.read()
    return {
        "run_id": run.run_id,
        "title": run.title,
        "state": run.state,
        "config_name": run.config_name,
        "model_name": run.model_name,
        "created_at": run.created_at,
        "deleted_at": format_time(trashed.deleted_us / 1e6),
        "expires_at": format_time(trashed.expires_us / 1e6),
        "size_bytes": size_bytes,
    }
