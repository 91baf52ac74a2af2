"""When the files of a directory were written, for directories without a run.json."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path

MAX_FILES = 2_000
"""A directory of another program may hold a whole dataset, so we check only this many files."""


def first_and_last_written(folder: Path) -> tuple[str, str] | None:
    """Return the times of the oldest and the newest file: UTC, ISO 8601. None if we may not look at any file.

    A copy that keeps times (`cp -a`, rsync, tar) has the same file times, but the folder has the time of the copy. So
    the folder's time counts only if the folder has no file.
    """
    times = list(islice(_written_at(folder), MAX_FILES))
    try:
        times = times or [folder.lstat().st_mtime]
    except OSError:
        return None
    return _utc(min(times)), _utc(max(times))


def _written_at(folder: Path) -> Iterator[float]:
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                yield os.lstat(os.path.join(parent, name)).st_mtime
            except OSError:
                continue


def _utc(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, timezone.utc).isoformat()
