"""Check the free space for a run."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from app.runs.exceptions import DiskFull

MEGABYTE = 10**6

Uses = Mapping[Path, str]
"""What each folder is used for."""


def refuse_without_room(folders: Uses, min_free_mb: int) -> None:
    """Raise DiskFull for the first folder whose disk is too full. `folders` maps each to its use. It need not exist."""
    for folder, use in folders.items():
        there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        free_mb = shutil.disk_usage(there).free // MEGABYTE
        if free_mb < min_free_mb:
            raise DiskFull(folder, use, free_mb, min_free_mb)
