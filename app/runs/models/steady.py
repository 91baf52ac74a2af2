"""Open the files of a model so that nobody gets a torn one.

A program may write its checkpoint into the same file again and again. Without the program's help nobody can tell when
it is done. So we read only a file that does not change for a second, and stop reading if it changes after all. A file
that the program replaces by another stays readable, because we have opened the old one.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import ExitStack
from io import BufferedReader

from app.runs.exceptions import FileNotInRun, ModelChanging
from app.runs.models.model import Download
from trainer.runfile import RunFile

logger = logging.getLogger(__name__)

STEADY_S = 1.0


class Changed(ConnectionAbortedError):
    """The file has changed since it was opened. A server that sends it breaks the connection."""


class SteadyFile(BufferedReader):
    """An open file that can be read until somebody changes it. Then `read` raises Changed."""

    def __init__(self, opened: BufferedReader) -> None:
        super().__init__(opened.detach())
        self.state = os.fstat(self.fileno())

    def has_changed(self) -> bool:
        now = os.fstat(self.fileno())
        return (now.st_size, now.st_mtime_ns) != (self.state.st_size, self.state.st_mtime_ns)

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(size)
        if self.has_changed():
            logger.warning("A model changed while it was sent, so its download was broken off. It can be repeated.")
            raise Changed
        return content


def open_steady(download: Download) -> dict[str, SteadyFile]:
    """Open all files of a download. Raises FileNotInRun and ModelChanging. Waits while a program may write them."""
    with ExitStack() as stack:
        opened = {name: stack.enter_context(_open(name, file)) for name, file in download.files.items()}
        if not download.is_final:
            time.sleep(STEADY_S)
        for name, file in opened.items():
            if file.has_changed():
                raise ModelChanging(name)
        stack.pop_all()
        return opened


def _open(name: str, file: RunFile) -> SteadyFile:
    try:
        return SteadyFile(file.open())
    except OSError as error:
        raise FileNotInRun(f"The file {name!r} cannot be read: {error.strerror}.") from error
