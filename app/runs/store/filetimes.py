"""When the files of a directory were written, for what no run.json tells."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path

MAX_FILES = 10_000
"""Files looked at, at most: a directory from elsewhere may hold a whole dataset."""


def first_and_last_written(folder: Path) -> tuple[str, str] | None:
    """Return the earliest and the latest time at which one of the files was written last: UTC, ISO 8601.

    A copy that keeps times (`cp -a`, rsync, tar) changes neither; the folder's own time is that of the copy. So that
    time counts only where there is no file. None where nothing can be looked at.
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
