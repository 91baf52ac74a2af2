"""Follow the progress that a growing log shows."""

from __future__ import annotations

import os
import time

from app.runs.log.screen import Screen
from app.runs.progress.screenprogress import Progress, names_epoch_zero, progress_of
from trainer.filestate import FileState
from trainer.runfile import RunFile

LAST_BYTES = 256 * 1024
"""The most that one read covers. The first one begins this far before the end."""


class LogProgress:
    """The progress that the end of a log shows. It reads each byte at most once, so a call costs only new bytes."""

    def __init__(self) -> None:
        self._state: FileState | None = None
        self._offset = 0
        self._screen = Screen()
        self._counts_from_zero = False
        self._progress: Progress = {}

    def read(self, file: RunFile) -> Progress:
        """Return the progress that the log shows now. Empty if it shows none or cannot be read."""
        try:
            state = FileState.of(file.status(), time.time_ns())
            if state != self._state:
                self._read_new(file, state)
        except OSError:
            return {}
        return self._progress

    def _read_new(self, file: RunFile, state: FileState) -> None:
        if state.size < self._offset or state.size - self._offset > LAST_BYTES:
            self._offset, self._screen = max(0, state.size - LAST_BYTES), Screen()
        with file.open() as opened:
            data = os.pread(opened.fileno(), LAST_BYTES, self._offset)
        self._screen.write(data)
        self._offset += len(data)
        self._state = state
        rows = self._screen.rows
        self._counts_from_zero = self._counts_from_zero or names_epoch_zero(rows)
        self._progress = progress_of(rows, self._counts_from_zero)
