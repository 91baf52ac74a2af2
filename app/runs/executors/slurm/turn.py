"""Let the service processes submit jobs one at a time, so that they count the jobs correctly."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.runs.filelock import open_lock, try_flock

_CHECK_EVERY_S = 0.02


@contextmanager
def turn(path: Path) -> Iterator[None]:
    """Hold the lock within the `with` block. Waiting for it does not block other green threads. Raises OSError."""
    descriptor = open_lock(path)
    try:
        while not try_flock(descriptor, fcntl.LOCK_EX):
            time.sleep(_CHECK_EVERY_S)
        yield
    finally:
        os.close(descriptor)
