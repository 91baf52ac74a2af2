"""Open the files of a model so that nobody gets a torn one.

A program may write its checkpoint into the same file again and again. Without the program's help nobody can tell when
it is done. So we read only a file that does not change for half a second, and stop reading if it changes after all. A
file that the program replaces by another stays readable, because we have opened the old one.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from io import BufferedReader

from app.runs.exceptions import FileNotInRun, ModelChanging
from app.runs.models.model import Download
from trainer.runfile import RunFile

logger = logging.getLogger(__name__)

STEADY_S = 0.5
MAX_LOOKS = 6


class Changed(ConnectionAbortedError):
    """The file has changed since it was opened. A server that sends it breaks the connection."""


class SteadyFile(BufferedReader):
    """An open file that can be read until somebody changes it. Then `read` raises Changed."""

    def __init__(self, opened: BufferedReader) -> None:
        super().__init__(opened.detach())
        self.state = os.fstat(self.fileno())
        """The state in which the file is read."""

    def has_changed(self) -> bool:
        now = os.fstat(self.fileno())
        return (now.st_size, now.st_mtime_ns) != (self.state.st_size, self.state.st_mtime_ns)

    def accept_change(self) -> None:
        """Take the file as it is now. Nothing of it may have been read before."""
        self.state = os.fstat(self.fileno())

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(size)
        if self.has_changed():
            logger.warning("A model changed while it was sent, so its download was broken off. It can be repeated.")
            raise Changed
        return content


def open_steady(download: Download, steady_s: float = STEADY_S) -> dict[str, SteadyFile]:
    """Open all files of a download. Waits while a program writes them. Raises FileNotInRun and ModelChanging."""
    with ExitStack() as stack:
        opened = {name: stack.enter_context(_open(name, file)) for name, file in download.files.items()}
        if not download.is_final:
            _wait(opened, steady_s)
        stack.pop_all()
        return opened


def _wait(opened: Mapping[str, SteadyFile], steady_s: float) -> None:
    """Return once no file changes any more. Raises ModelChanging."""
    changing: Sequence[str] = ()
    for _ in range(MAX_LOOKS):
        time.sleep(steady_s)
        changing = [name for name, file in opened.items() if file.has_changed()]
        if not changing:
            return
        for name in changing:
            opened[name].accept_change()
    raise ModelChanging(changing[0])


def _open(name: str, file: RunFile) -> SteadyFile:
    try:
        return SteadyFile(file.open())
    except OSError as error:
        raise FileNotInRun(f"The file {name!r} cannot be read: {error.strerror}.") from error
