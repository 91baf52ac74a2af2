"""Values that were read from files, and need not be read again until a file changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from trainer.filestate import FileState, file_state

T = TypeVar("T")

FileStates = Mapping[str, FileState | None]
"""States by path. None: there is no file, or we may not look at it."""


def file_states(paths: Iterable[Path | str]) -> FileStates:
    return {str(path): file_state(path) for path in paths}


class Remembered(Generic[T]):
    """A value that was read from files. It is current until one of the files changes.

    Take `states` before you read the files, so that a change during the read counts as one. A value whose files had
    not settled by then is never current.
    """

    def __init__(self, value: T, states: FileStates) -> None:
        self.value = value
        self.states = states
        self._is_settled = all(state is None or state.is_settled for state in states.values())

    def is_current(self) -> bool:
        return self._is_settled and all(file_state(path) == state for path, state in self.states.items())
