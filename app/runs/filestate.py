"""Which state of a file or folder was read, told by its metadata: while that is the same, it need not be read again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

Stamp = tuple[int, int, int, int]
"""Inode, size, and in nanoseconds the times at which its content was changed, and anything of it."""

SETTLED_NS = 2 * 10**9
"""How long ago the last change must be for its time to tell this state from any later one, on any file system."""


def stamp_of(status: os.stat_result) -> Stamp:
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def stamp(path: Path | str) -> Stamp | None:
    """None where there is nothing, or where we may not look."""
    try:
        return stamp_of(os.stat(path))
    except OSError:
        return None


def are_settled(stamps: Iterable[Stamp | None], ago_ns: int = SETTLED_NS) -> bool:
    """Whether a change that follows now will show: of two in a row the times may be the same."""
    before_ns = time.time_ns() - ago_ns
    return all(each is None or each[2] < before_ns for each in stamps)


def modified_at(seen: Stamp) -> str:
    """When its content was changed: UTC, ISO 8601."""
    return datetime.fromtimestamp(seen[2] / 1e9, timezone.utc).isoformat()
