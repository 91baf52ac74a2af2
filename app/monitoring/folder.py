"""The folder in which gunicorn's workers share their metrics."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from app.runs.filelock import try_flock

PREFIX = "training-metrics-"


def make_folder() -> Path:
    """Make a temporary folder, and remove those of services that were killed. Raises OSError.

    This process and its forks hold the folder's lock until they exit.
    """
    _remove_abandoned()
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX))
        descriptor = _open(path)
        with suppress(OSError):  # The file system has no locks. Then the folder is never removed.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.exists():
            return path
        os.close(descriptor)  # Another service removed it before it was locked.


def _remove_abandoned() -> None:
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # It belongs to another user, or is not a folder.
            descriptor = _open(path)
            try:
                if os.fstat(descriptor).st_uid == os.geteuid() and try_flock(descriptor, fcntl.LOCK_EX):
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(descriptor)


def _open(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
