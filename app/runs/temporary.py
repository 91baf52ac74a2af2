"""Temporary folders. The next service removes those of a service that was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.runs.filelock import try_flock

PREFIX = "training-service-"


def make_folder() -> Path:
    """Make a folder that this process and its forks keep until they exit. Raises OSError."""
    return _make()[0]


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder, and remove it after the `with` block. Raises OSError."""
    path, lock = _make()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def remove_abandoned() -> None:
    """Remove the folders of processes that have ended without removing them."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # It belongs to another user, or is not a folder.
            descriptor = _open(path)
            try:
                if os.fstat(descriptor).st_uid == os.geteuid() and try_flock(descriptor, fcntl.LOCK_EX):
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(descriptor)


def _make() -> tuple[Path, int]:
    """Make a folder, and take its lock, which the returned descriptor holds."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX))
        descriptor = _open(path)
        with suppress(OSError):  # The file system has no locks. Then the folder is never removed.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.exists():
            return path, descriptor
        os.close(descriptor)  # Another service removed it before it was locked.


def _open(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
