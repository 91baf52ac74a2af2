"""The slots of this machine. Every process of a run holds the run's slot, so the slots show what is active."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from app.runs.filelock import open_lock, try_flock

SLOTS = "slots"
"""The folder beside the runs folder."""
GUARD = "guard"
SUFFIX = ".lock"
MAX_BYTES = 4096


@dataclass(frozen=True)
class Slot:
    """A held slot: the run's id and its GPUs, as in the slot's file."""

    path: Path
    run_id: str
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True)
class Taken:
    """A slot just taken. The caller owns the descriptor: the lock lasts until it and its copies are closed."""

    descriptor: int
    slot: Slot


class Slots:
    """The files `N.lock`, one for each run that may be active at the same time.

    A run's slot is held with flock through an open file description that the run's processes share. The kernel releases
    it when the last of them exits, so it is never stale. The file names the run and its GPUs. A check takes the lock
    for an instant. The file `guard` ensures that a check makes no start fail and reads no name before it is written.
    """

    def __init__(self, folder: Path, count: int, gpus: Collection[str] = ()) -> None:
        """`gpus` are the GPUs to divide among the runs."""
        self.folder = folder
        self.count = count
        self.gpus = tuple(gpus)

    @property
    def lock_files(self) -> list[Path]:
        return [self.folder / GUARD, *(self.folder / f"{number}{SUFFIX}" for number in range(self.count))]

    def take(self, run_id: str, num_gpus: int, others: Collection[Slot], reveal: Callable[[], None]) -> Taken | None:
        """Take a slot and GPUs for a run. Return None if too few are free, or if the run holds a slot already.

        `others` are active runs without a slot, whose file was deleted. While `reveal` runs, all other checks and
        starts wait, so it must be quick and must not yield to another (green) thread.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._guard(fcntl.LOCK_EX):
            held = [*self._find_held(), *others]
            used = {gpu for slot in held for gpu in slot.gpus}
            free = [gpu for gpu in self.gpus if gpu not in used]
            if len(held) >= self.count or len(free) < num_gpus or run_id in {slot.run_id for slot in held}:
                return None
            path = next(each for each in self.lock_files[1:] if each not in {slot.path for slot in held})
            slot = Slot(path, run_id, tuple(free[:num_gpus]))
            descriptor = open_lock(path)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                reveal()
                _write(descriptor, slot)
            except BaseException:
                os.close(descriptor)
                raise
            return Taken(descriptor, slot)

    def held(self) -> list[Slot]:
        """List the slots that are held, even beyond the present number of slots."""
        if not self.folder.is_dir():
            return []
        with self._guard(fcntl.LOCK_SH):
            return self._find_held()

    @contextmanager
    def kept_from_others(self, run_id: str) -> Iterator[Slot | None]:
        """Yield the run's slot. No other run can take it in the `with` block, which must not switch green threads."""
        if not self.folder.is_dir():
            yield None
            return
        with self._guard(fcntl.LOCK_EX):
            yield next((slot for slot in self._find_held() if slot.run_id == run_id), None)

    def repair(self, path: Path, find: Callable[[], Slot | None]) -> Slot | None:
        """If the slot is held, write what `find` returns into its file, and return it."""
        with self._guard(fcntl.LOCK_EX):
            held = next((slot for slot in self._find_held() if slot.path == path), None)
            found = find() if held is not None else None
            if found is None or found == held:
                return held
            with suppress(OSError):
                path.write_bytes(_content(found))
            return found

    def _find_held(self) -> list[Slot]:
        try:
            names = sorted(name for name in os.listdir(self.folder) if name.endswith(SUFFIX))
        except FileNotFoundError:  # It was deleted in the meantime.
            return []
        return [slot for name in names if (slot := _read(self.folder / name)) is not None]

    @contextmanager
    def _guard(self, mode: int) -> Iterator[None]:
        path = self.folder / GUARD
        try:
            # NFS grants exclusive locks only on files that are open for writing.
            access = os.O_RDONLY if mode == fcntl.LOCK_SH else os.O_RDWR
            descriptor = os.open(path, access | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            if mode != fcntl.LOCK_SH:
                raise
            descriptor = None  # The folder is read-only, so no run can start either.
        try:
            if descriptor is not None:
                fcntl.flock(descriptor, mode)
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)


def _read(path: Path) -> Slot | None:
    """Read a slot that is held. None if it is free."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if try_flock(descriptor, fcntl.LOCK_SH):
            return None
        run_id, *gpus = os.fsdecode(os.pread(descriptor, MAX_BYTES, 0)).split("\n")
        return Slot(path, run_id, tuple(filter(None, gpus)))
    finally:
        os.close(descriptor)


def _content(slot: Slot) -> bytes:
    return os.fsencode("\n".join((slot.run_id, *slot.gpus)))


def _write(descriptor: int, slot: Slot) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, _content(slot), 0)
