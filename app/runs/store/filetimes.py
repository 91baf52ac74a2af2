"""When a run of another program took place, for directories without a run.json."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path

from app.runs.times import format_time

MAX_FILES = 2_000
"""A directory of another program may hold a whole dataset, so we check only this many files."""

_STAMPED = re.compile(r"(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)(?:_(\d{1,9}))?", re.ASCII)


def begin_and_end(folder: Path) -> tuple[str, str] | None:
    """Return when a run began and ended: UTC, ISO 8601. None if we may not look at any file.

    It began at the time in its name, as Hydra and we name runs, or else when its oldest file was written. It ended when
    its newest file was written. A copy that keeps times (`cp -a`, rsync, tar) has the same file times, but the folder
    has the time of the copy. So the folder's time counts only if the folder has no file.
    """
    times = list(islice(_written_at(folder), MAX_FILES))
    try:
        times = times or [folder.lstat().st_mtime]
    except OSError:
        return None
    named = named_time(folder.name)
    begin = min(times) if named is None else named.timestamp()
    return format_time(begin), format_time(max(begin, *times))


def named_time(name: str) -> datetime | None:
    """Parse the local time in a name like that of a run."""
    stamped = _STAMPED.fullmatch(name)
    try:
        moment = datetime.strptime(stamped[1], "%Y-%m-%d_%H-%M-%S") if stamped else None
        return moment.astimezone() if moment is not None else None
    except (ValueError, OverflowError):
        return None


def name_key(name: str) -> tuple[str, int, str]:
    """Sort `..._10` after `..._9`: by the second, then by the number."""
    stamped = _STAMPED.fullmatch(name)
    return (stamped[1], int(stamped[2] or 1), name) if stamped else ("", 0, name)


def _written_at(folder: Path) -> Iterator[float]:
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                yield os.lstat(os.path.join(parent, name)).st_mtime
            except OSError:
                continue
