"""The metrics CSV of a run, which another process writes: each row once, in order, and those read before again."""

from __future__ import annotations

import csv
import io
import math
import os
from bisect import bisect
from collections.abc import Iterator
from pathlib import Path

from app.runs.events import Row
from app.runs.metrics import number
from app.runs.stamps import Stamp, stamp_of
from app.runs.stretch import Stretch

MAX_HEADER_BYTES = 1024 * 1024
BYTES_AT_ONCE = 64 * 1024
"""So that nobody waits for rows to be parsed for longer than some milliseconds."""


class MetricsTail:
    """Yield each row of a Lightning metrics.csv once, in file order.

    Assumes of the writer: it appends rows, and when a new metric name appears it truncates the file and rewrites it
    in place with a wider header, keeping the rows and their order. So the position is a row count; a byte offset is
    only a shortcut, taken while the header is still the one it was measured under. An unfinished last line waits, and
    so does everything while the file has fewer rows than were read already. What cannot be read has nothing new.
    """

    def __init__(self) -> None:
        self.columns: list[str] = []
        self.num_rows = 0
        self._header = b""
        self._offset = 0
        self._row = 0
        """The number of the row at the offset: less than `num_rows` while a rewritten file is gone through again."""
        self._marks: list[tuple[int, int]] = []
        """Some rows, and at which offsets they begin."""
        self._seen: Stamp | None = None

    def read_new(self, path: Path | None) -> Iterator[list[Row]]:
        """Yield the rows that are new, in pieces (some empty), aligned with `columns` as they are then.

        A cell that is blank or no number is None. Take all pieces. Raises nothing.
        """
        if path is None:
            return
        try:
            with open(path, "rb") as file:
                status = os.fstat(file.fileno())
                seen = stamp_of(status)
                while seen != self._seen and self._begin(file.fileno(), status.st_size):
                    lines = _whole_lines(file.fileno(), self._offset, status.st_size)
                    # A rewrite always changes the header, so the same header before and after means that the bytes
                    # between belong to it.
                    if first_line_of(file.fileno()) != self._header:
                        return  # It is being rewritten: the next call looks again.
                    if lines:
                        yield self._take(lines)
                    else:
                        self._seen = seen
        except (OSError, csv.Error):
            return

    def read_again(self, path: Path | None, row: int, max_rows: int) -> list[Row]:
        """Return rows that were read before, from a given one on; fewer, or none, when the file is being rewritten."""
        if path is None:
            return []
        start, offset = self._marks[bisect(self._marks, (row, math.inf)) - 1]
        rows: list[Row] = []
        try:
            with open(path, "rb") as file:
                while len(rows) < max_rows and (lines := _whole_lines(file.fileno(), offset, self._offset)):
                    parsed = parse_rows(lines, self.columns)
                    rows += parsed[max(0, row - start) :]
                    start, offset = start + len(parsed), offset + len(lines)
                return rows[:max_rows] if first_line_of(file.fileno()) == self._header else []
        except (OSError, csv.Error):
            return []

    def _begin(self, descriptor: int, size: int) -> bool:
        """Go through a rewritten file from its first row; False when it has no header yet."""
        header = first_line_of(descriptor)
        if header and (header != self._header or size < self._offset):
            self.columns = next(csv.reader([header.decode("utf-8", errors="replace")]), [])
            self._header, self._offset, self._row, self._marks = header, len(header), 0, [(0, len(header))]
        return header != b""

    def _take(self, lines: bytes) -> list[Row]:
        """Go on behind the lines; return those of their rows that were not read before."""
        rows = parse_rows(lines, self.columns)
        if self._offset - self._marks[-1][1] >= BYTES_AT_ONCE:
            self._marks.append((self._row, self._offset))
        num_known = self.num_rows - self._row
        self._row, self._offset = self._row + len(rows), self._offset + len(lines)
        self.num_rows = max(self.num_rows, self._row)
        return rows[num_known:]


def first_line_of(descriptor: int) -> bytes:
    """Read the header with its line end; empty when there is no complete one (in the first MiB)."""
    head = b""
    while b"\n" not in head:
        if len(head) >= MAX_HEADER_BYTES:
            return b""
        block = os.pread(descriptor, 4096, len(head))
        if not block:
            return b""
        head += block
    return head[: head.index(b"\n") + 1]


def parse_rows(lines: bytes, columns: list[str]) -> list[Row]:
    """Parse CSV lines without header; short rows are filled with None, cells beyond the header are left out."""
    stretch = Stretch(columns, [line for line in lines.splitlines() if line])
    if stretch.is_plain:
        return stretch.rows
    width = len(columns)
    rows = []
    text = lines.decode("utf-8", errors="replace").replace("\0", "")
    for cells in csv.reader(io.StringIO(text, newline="")):
        if cells:
            row: Row = [number(column, cell) for column, cell in zip(columns, cells)]
            rows.append(row + [None] * (width - len(row)))
    return rows


def _whole_lines(descriptor: int, start: int, end: int) -> bytes:
    """The next complete lines before `end`, usually at most BYTES_AT_ONCE of them; empty where there are none."""
    size = BYTES_AT_ONCE
    while True:
        data = os.pread(descriptor, min(size, max(0, end - start)), start)
        lines = data[: data.rfind(b"\n") + 1]
        if lines or len(data) < size:
            return lines
        size *= 2
