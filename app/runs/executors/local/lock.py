"""The lock that every process of the active run holds. It alone decides whether a run is active."""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer.rundir import is_there

ACTIVE = "active.lock"
SUPERVISOR = "supervisor.lock"
_GUARD = ".guard"
_WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF)
"""The errors of flock if the file system, or its server, has no locks."""


class ActiveLock:
    """`active.lock`, held with flock through an open file description that the run's processes share.

    The kernel releases it with the last of them, so it is never stale. Its content names the run. A look takes the lock
    for an instant. `active.lock.guard` ensures that a look makes no start fail and reads no name before it is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._guard_path = path.with_name(path.name + _GUARD)

    def acquire(self, create: Callable[[], str]) -> tuple[int, str] | None:
        """Take the lock for the run that `create` makes and names. Return None if the lock is held.

        The caller owns the descriptor. The lock lasts until the descriptor and its copies in other processes are
        closed. While `create` runs nobody else can look or start, so it must be quick and must not yield to another
        (green) thread.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._guard(fcntl.LOCK_EX):
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                if not _try_flock(descriptor, fcntl.LOCK_EX):
                    os.close(descriptor)
                    return None
                run_id = create()
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, os.fsencode(run_id), 0)
            except BaseException:
                os.close(descriptor)
                raise
            return descriptor, run_id

    def holder(self) -> str | None:
        """Name the run whose processes hold the lock. None if no run is active."""
        if not is_there(self.path):
            return None
        with self._guard(fcntl.LOCK_SH):
            return self._look()

    @contextmanager
    def kept_from_others(self, run_id: str) -> Iterator[bool]:
        """Whether the run holds the lock. No other run can take it within the `with` block, which must not yield."""
        with self._guard(fcntl.LOCK_EX):
            yield self._look() == run_id

    def rename(self, found: Callable[[], str | None]) -> None:
        """If a run of another name holds the lock, write the name of the run that `found` returns."""
        with self._guard(fcntl.LOCK_EX):
            if (held := self._look()) is not None and (run_id := found()) not in (None, held):
                self.path.write_bytes(os.fsencode(run_id))

    def named(self) -> str | None:
        """Name the run that took the lock last, whether or not it still holds it."""
        try:
            return os.fsdecode(self.path.read_bytes()) or None
        except OSError:
            return None

    def _look(self) -> str | None:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            if _try_flock(descriptor, fcntl.LOCK_SH):
                fcntl.flock(descriptor, fcntl.LOCK_UN)
                return None
            return os.fsdecode(os.pread(descriptor, 255, 0))
        finally:
            os.close(descriptor)

    @contextmanager
    def _guard(self, mode: int) -> Iterator[None]:
        try:
            # NFS grants exclusive locks only on files that are open for writing.
            access = os.O_RDONLY if mode == fcntl.LOCK_SH else os.O_RDWR
            descriptor = os.open(self._guard_path, access | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            if mode != fcntl.LOCK_SH:
                raise
            descriptor = None  # The folder became read-only, so nobody can start a run either.
        try:
            if descriptor is not None:
                fcntl.flock(descriptor, mode)
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)


def _try_flock(descriptor: int, mode: int) -> bool:
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the path still leads to the open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def problem_with(folder: Path) -> str | None:
    """Say why the locks in a folder cannot be used and what to do. None if they can."""
    for name in (ACTIVE, ACTIVE + _GUARD, SUPERVISOR):
        try:
            descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                _try_flock(descriptor, fcntl.LOCK_EX)
            finally:
                os.close(descriptor)
        except OSError as error:
            return _remedy(folder / name, error)
    return None


def _remedy(path: Path, error: OSError) -> str:
    if error.errno in _WITHOUT_LOCKS:
        return (
            f"the file system of {path.parent} has no file locks ({error.strerror}). Keep the runs on another. Lustre "
            "has them with the mount option flock, and NFS with its lock service"
        )
    problem = f"the lock {path} cannot be opened: {error.strerror}"
    try:
        found = path.stat()
    except OSError:
        return problem
    return (
        f"{problem}. It belongs to {_user(found.st_uid)}, with mode {found.st_mode & 0o777:03o}: make it writable for "
        f"{_user(os.geteuid())}, or delete it while nothing runs"
    )


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


class SupervisorLock:
    """`supervisor.lock`. Of several server processes, the holder does what only one may do, until it exits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this process holds it."""
        return self._descriptor is not None

    def try_acquire(self) -> bool:
        """Try to take the lock unless this process holds it. Return whether it holds the lock.

        A lock whose file was deleted does not count, because another process may hold the new file.
        """
        if self._descriptor is not None and _is_at(self._descriptor, self._path):
            return True
        self.release()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if _try_flock(descriptor, fcntl.LOCK_EX):
            self._descriptor = descriptor
            return True
        os.close(descriptor)
        return False

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
