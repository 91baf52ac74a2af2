"""Read each line of a growing file once, from a position that outlives the process."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass

from app.runs.collect.source import Position, Restarted
from trainer.runfile import RunFile

SLICE_BYTES = 256 * 1024
"""Bytes per read. Parsing them takes a few milliseconds."""
MAX_LINE_BYTES = 1024 * 1024
"""A longer line is skipped and never held in memory."""
EDGE_BYTES = 1024
REWRITE_S = 1.0
"""A program rewrites its file in less time. A file that stays shorter for longer was restarted."""


@dataclass(frozen=True)
class Lines:
    """Lines without line ends. `number` is the line number of the first one, from 1."""

    lines: list[bytes]
    number: int
    position: Position
    is_whole: bool

    @property
    def num_too_long(self) -> int:
        """How many lines before the position were skipped because they are longer than MAX_LINE_BYTES."""
        return int(self.position["too_long"])


def read_lines(file: RunFile, position: Position, is_final: bool = False) -> Lines:
    """Read the next complete lines, at most about SLICE_BYTES. `position` is that of earlier lines, or `{}`.

    An unfinished last line waits. It counts if `is_final`: the file is no longer written. Raises OSError.
    Raises Restarted if the file no longer begins with what was read.
    """
    with file.open() as opened:
        return _Slice(opened.fileno(), position, is_final).read()


class _Slice:
    """One read of an open file."""

    def __init__(self, descriptor: int, position: Position, is_final: bool) -> None:
        self._descriptor = descriptor
        self._known = position
        self._offset: int = position.get("offset", 0)
        self._number: int = position.get("line", 1)
        self._is_in_long_line: bool = position.get("is_in_long_line", False)
        self._num_too_long: int = position.get("too_long", 0)
        self._is_final = is_final

    def read(self) -> Lines:
        status = os.fstat(self._descriptor)
        shorter_at = self._known.get("shorter_at", time.time())
        if status.st_size < self._offset and not self._is_final and time.time() - shorter_at < REWRITE_S:
            return Lines([], self._number, self._known | {"shorter_at": shorter_at}, is_whole=False)
        if status.st_size < self._offset or (self._offset and self._edges != self._known["edges"]):
            raise Restarted
        data = self._next()
        is_whole = self._offset + len(data) >= status.st_size
        data = self._skip_long_line(data)
        end = len(data) if self._is_final and is_whole else data.rfind(b"\n") + 1
        if not end and len(data) >= MAX_LINE_BYTES:
            self._is_in_long_line, self._num_too_long, end = True, self._num_too_long + 1, len(data)
        self._offset += end
        number = self._number
        lines = [] if self._is_in_long_line else data[:end].split(b"\n")
        if lines and not lines[-1]:
            lines.pop()  # The empty rest after the last line end.
        self._number += len(lines)
        return Lines(lines, number, self._position(), is_whole)

    def _next(self) -> bytes:
        data = self._read(SLICE_BYTES)
        if len(data) == SLICE_BYTES and b"\n" not in data and not self._is_in_long_line:
            return self._read(MAX_LINE_BYTES)
        return data

    def _read(self, size: int) -> bytes:
        return os.pread(self._descriptor, size, self._offset)

    def _skip_long_line(self, data: bytes) -> bytes:
        """Skip the rest of a line that is too long."""
        if not self._is_in_long_line:
            return data
        end = data.find(b"\n") + 1 or len(data)
        self._offset += end
        if data[end - 1 : end] == b"\n":
            self._is_in_long_line = False
            self._number += 1
        return data[end:]

    @property
    def _edges(self) -> str:
        """Return a digest of the first and last bytes before the offset, to notice a changed file."""
        size = min(EDGE_BYTES, self._offset)
        first = os.pread(self._descriptor, size, 0)
        last = os.pread(self._descriptor, size, self._offset - size)
        return hashlib.sha256(first + last).hexdigest()[:16]

    def _position(self) -> Position:
        return {
            "offset": self._offset,
            "line": self._number,
            "edges": self._edges,
            "is_in_long_line": self._is_in_long_line,
            "too_long": self._num_too_long,
        }
