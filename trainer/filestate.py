"""The state of a file, by which a reader knows that the file need not be read again."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

FINE_STEP_NS = 20 * 10**6
"""A kernel takes file times from its tick, which comes at least every 10 ms. This is twice as long."""
COARSE_STEP_NS = 2 * 10**9
"""The step of file times on a file system without fractions of a second (FAT; others have one second)."""


@dataclass(frozen=True)
class FileState:
    """Metadata of a file or folder that differs after each change of its content."""

    inode: int
    size: int
    modified_ns: int
    changed_ns: int
    """When the content or any metadata changed. Unlike `modified_ns`, no program can set it."""
    seen_ns: int = field(compare=False, repr=False)
    """A moment just before the metadata was read."""

    @classmethod
    def of(cls, status: os.stat_result, seen_ns: int) -> FileState:
        return cls(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, seen_ns)

    @property
    def is_settled(self) -> bool:
        """Whether each later change is sure to give the file another state.

        Two changes within one step of the file system's clock may leave the same times.
        """
        latest_ns = max(self.modified_ns, self.changed_ns)
        return latest_ns < self.seen_ns - (FINE_STEP_NS if latest_ns % 10**9 else COARSE_STEP_NS)


def file_state(path: Path | str) -> FileState | None:
    """Return the present state of a file. None: there is no file, or we may not look at it."""
    seen_ns = time.time_ns()
    try:
        return FileState.of(os.stat(path), seen_ns)
    except OSError:
        return None
