"""Open the files of a model so that a download is never a mixture of two versions.

A program may overwrite its checkpoint again and again, and does not say when it is done. So we read a file only if it
has not changed for half a second, and stop reading if it changes later. A file that the program replaces stays
readable, because we have opened the old one.
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
MAX_CHECKS = 6


class Changed(ConnectionAbortedError):
    """The file has changed since it was opened. The server then breaks the connection."""


class SteadyFile(BufferedReader):
    """An open file that can be read until it changes. Then `read` raises Changed."""

    def __init__(self, opened: BufferedReader) -> None:
        super().__init__(opened.detach())
        self.state = os.fstat(self.fileno())
        """The state in which the file is read."""

    def has_changed(self) -> bool:
        now = os.fstat(self.fileno())
        return (now.st_size, now.st_mtime_ns) != (self.state.st_size, self.state.st_mtime_ns)

    def accept_change(self) -> None:
        """Accept the file as it is now. Call this only before the first read."""
        self.state = os.fstat(self.fileno())

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(size)
        if self.has_changed():
            logger.warning("A model changed during its download, so the download was aborted. The client can retry.")
            raise Changed
        return content


def open_steady(download: Download, steady_s: float = STEADY_S) -> dict[str, SteadyFile]:
    """Open all files of a download. Wait while a program writes them. Raises FileNotInRun and ModelChanging."""
    with ExitStack() as stack:
        opened = {name: stack.enter_context(_open(name, file)) for name, file in download.files.items()}
        if not download.is_final:
            _wait(opened, steady_s)
        stack.pop_all()
        return opened


def _wait(opened: Mapping[str, SteadyFile], steady_s: float) -> None:
    """Return once no file changes. Raises ModelChanging."""
    changing: Sequence[str] = ()
    for _ in range(MAX_CHECKS):
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
