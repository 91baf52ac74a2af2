"""File locks (flock): try them, and say why they cannot be used."""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

SUPERVISOR = "supervisor.lock"
_WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF)
"""The errors of flock if the file system, or its server, has no locks."""
_CHECK_EVERY_S = 0.02


def open_lock(path: Path) -> int:
    """Open a lock file, which need not exist, and return its descriptor. Follows no link. Raises OSError."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Wait for a lock and hold it within the `with` block, which must not yield to another (green) thread.

    Yields the descriptor of its file. Raises OSError.
    """
    descriptor = open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def locked_if_free(path: Path) -> Iterator[int | None]:
    """As `locked`, but yield None if another process or thread holds the lock."""
    descriptor = open_lock(path)
    try:
        yield descriptor if try_flock(descriptor, fcntl.LOCK_EX) else None
    finally:
        os.close(descriptor)


@contextmanager
def locked_in_turn(path: Path) -> Iterator[None]:
    """As `locked`, but other green threads go on while this one waits, and within the `with` block."""
    while True:
        with locked_if_free(path) as descriptor:
            if descriptor is not None:
                yield
                return
        time.sleep(_CHECK_EVERY_S)


def try_flock(descriptor: int, mode: int) -> bool:
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
        descriptor = open_lock(self._path)
        if try_flock(descriptor, fcntl.LOCK_EX):
            self._descriptor = descriptor
            return True
        os.close(descriptor)
        return False

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def problem_with(paths: Iterable[Path]) -> str | None:
    """Say why one of these lock files cannot be used and what to do. None if all can be."""
    for path in paths:
        try:
            path.parent.mkdir(exist_ok=True)
            with locked_if_free(path):
                pass
        except OSError as error:
            return _remedy(path, error)
    return None


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the path still leads to the open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _remedy(path: Path, error: OSError) -> str:
    if error.errno in _WITHOUT_LOCKS:
        return (
            f"the file system of {path.parent} has no file locks ({error.strerror}). Move the runs to another one. "
            "Lustre needs the mount option flock, and NFS its lock service"
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
