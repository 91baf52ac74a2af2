"""The state of a file, by which a reader knows that the file need not be read again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from app.runs.times import format_time

FINE_STEP_NS = 20 * 10**6
"""A kernel takes file times from its tick, which comes at least every 10 ms. This is twice as long."""
COARSE_STEP_NS = 2 * 10**9
"""The step of file times on a file system without fractions of a second (FAT; others have one second)."""

T = TypeVar("T")


class FileState(NamedTuple):
    """Metadata of a file or folder that differs after each change of its content."""

    inode: int
    size: int
    modified_ns: int
    changed_ns: int
    """When the content or any metadata changed. Unlike `modified_ns`, no program can set it."""

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        return cls(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    @property
    def modified_at(self) -> str:
        return format_time(self.modified_ns / 1e9)

    def is_settled(self, at_ns: int) -> bool:
        """Whether a change after `at_ns` is sure to give the file another state.

        Two changes within one step of the file system's clock may leave the same times.
        """
        latest_ns = max(self.modified_ns, self.changed_ns)
        return latest_ns < at_ns - (FINE_STEP_NS if latest_ns % 10**9 else COARSE_STEP_NS)


FileStates = Mapping[str, FileState | None]
"""States by path. None: there is no file, or we may not look at it."""


def file_state(path: Path | str) -> FileState | None:
    try:
        return FileState.of(os.stat(path))
    except OSError:
        return None


def file_states(paths: Iterable[Path | str]) -> FileStates:
    return {str(path): file_state(path) for path in paths}


class Remembered(Generic[T]):
    """A value that was read from files. It is current until one of the files changes.

    Take `states` before you read the files, so that a change during the read counts as one. A value whose files had
    not settled is never current.
    """

    def __init__(self, value: T, states: FileStates) -> None:
        self.value = value
        self.states = states
        now_ns = time.time_ns()
        self._is_settled = all(state is None or state.is_settled(now_ns) for state in states.values())

    def is_current(self) -> bool:
        return self._is_settled and all(file_state(path) == state for path, state in self.states.items())
