"""The metrics CSV of a run as a table of which only the places of the rows are kept."""

from __future__ import annotations

import csv
import os
import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import TypeVar

from app.runs.exceptions import MetricsUnreadable
from app.runs.metricstail import first_line_of
from app.runs.stamps import Stamp, stamp_of
from app.runs.stretch import Stretch

MAX_REWRITES_MET = 20
MAX_TABLES = 64
ROWS_PER_MARK = 1024
CELLS_AT_ONCE = 8192
"""In a stretch: so that nobody waits for one to be parsed or encoded for longer than some milliseconds."""
BYTES_AT_ONCE = 1024 * 1024
"""Read in one go under one header: files up to that size are answered even while they are being rewritten."""

REWRITTEN = "it is rewritten again and again"

T = TypeVar("T")


class Rewritten(Exception):
    """The file was rewritten under a table's hands; a new look at it helps."""


@dataclass(frozen=True)
class Table:
    """A metrics CSV as it was when it was looked at: what is in its rows is read when asked for.

    So a file of any length costs some bytes per thousand rows, and one that grew costs what is new. Assumes of the
    writer what MetricsTail does: it appends rows, or rewrites all under a wider header. An unfinished last line is left
    out.
    """

    path: Path
    stamp: Stamp
    """Another one is another content."""
    columns: list[str] = field(default_factory=list)
    num_rows: int = 0
    maxima: dict[str, int] = field(default_factory=dict)
    """The largest whole number of each counter (epoch, step) that has one."""
    header: bytes = b""
    end: int = 0
    """Bytes of the header and all rows."""
    last_line: bytes = b""
    """As it is written, to know by it whether what is before the end is still the same."""
    marks: array[int] = field(default_factory=lambda: array("Q"))
    """Where rows 0, 1024, 2048 ... begin."""
    odd_marks: frozenset[int] = frozenset()
    """After which of the marks there are rows that are not plain."""
    content: bytes = field(default=b"", compare=False, repr=False)
    """The header and all rows, if they were read in one go for this very look; else they are read when asked for."""

    def stretches(self, since_row: int = 0) -> Iterator[tuple[int, Stretch]]:
        """Yield the rows in order, in pieces, each with the number of its first row. Raises Rewritten, OSError."""
        with open(self.path, "rb") as file:
            mark = since_row // ROWS_PER_MARK
            while since_row < self.num_rows:
                begin, until = self.marks[mark], mark + 1
                while until < len(self.marks) and self._start(until + 1) - begin <= BYTES_AT_ONCE:
                    until += 1
                data = self._read(file.fileno(), begin, self._start(until))
                for number in range(mark, until):
                    lines = _lines(data[self._start(number) - begin : self._start(number + 1) - begin])
                    lines = lines[since_row - number * ROWS_PER_MARK :]
                    for stretch in _cut(self.columns, lines, number not in self.odd_marks):
                        yield since_row, stretch
                        since_row += len(stretch)
                mark = until

    def _read(self, descriptor: int, begin: int, end: int) -> bytes:
        if self.content:
            return self.content[begin:end]
        data = os.pread(descriptor, end - begin, begin)
        if first_line_of(descriptor) != self.header or len(data) < end - begin:
            raise Rewritten
        return data

    def _start(self, mark: int) -> int:
        return self.marks[mark] if mark < len(self.marks) else self.end


def look(path: Path, known: Table | None = None) -> Table:
    """Look at a metrics CSV; of one that is `known` only what is new is read. Raises MetricsUnreadable."""
    try:
        for _ in range(MAX_REWRITES_MET):
            with open(path, "rb") as file, suppress(Rewritten):
                return _look(path, file.fileno(), known)
    except OSError as error:
        raise MetricsUnreadable(str(path), error.strerror or str(error)) from error
    except (ValueError, csv.Error) as error:
        raise MetricsUnreadable(str(path), str(error)) from error
    raise MetricsUnreadable(str(path), REWRITTEN)


def identify(path: Path) -> Stamp:
    """Name a file's present content. Raises MetricsUnreadable."""
    try:
        return stamp_of(os.stat(path))
    except OSError as error:
        raise MetricsUnreadable(str(path), error.strerror or str(error)) from error


def read(look: Callable[[], Table], compute: Callable[[Table], T]) -> T:
    """Compute something from the rows of a table that `look` returns; of a new one, when the file was rewritten
    meanwhile. Raises MetricsUnreadable.
    """
    for _ in range(MAX_REWRITES_MET):
        table = look()
        try:
            return compute(table)
        except Rewritten:
            continue
        except OSError as error:
            raise MetricsUnreadable(str(table.path), error.strerror or str(error)) from error
    raise MetricsUnreadable(str(table.path), REWRITTEN)


class Tables:
    """The tables of the runs that were asked for last. Safe to be called from any thread."""

    def __init__(self, make_lock: Callable[[], AbstractContextManager[object]] = threading.Lock) -> None:
        self._make_lock = make_lock
        self._lock = make_lock()
        self._kept: OrderedDict[Path, _Kept] = OrderedDict()

    def look(self, path: Path) -> Table:
        """The file as it is now. Those who ask for the same file meanwhile wait instead of reading it too."""
        with self._lock:
            kept = self._kept.setdefault(path, _Kept(self._make_lock()))
            self._kept.move_to_end(path)
            if len(self._kept) > MAX_TABLES:
                self._kept.popitem(last=False)
        with kept.lock:
            table = look(path, kept.table)
            kept.table = replace(table, content=b"") if table.content else table
            return table


@dataclass
class _Kept:
    lock: AbstractContextManager[object]
    table: Table | None = None


def _look(path: Path, descriptor: int, known: Table | None) -> Table:
    """Raises Rewritten, ValueError, csv.Error."""
    status = os.fstat(descriptor)
    stamp = stamp_of(status)
    if known is not None and known.stamp == stamp:
        return known
    header = first_line_of(descriptor)
    if not header:
        return Table(path, stamp)
    if known is not None and header == known.header and _is_continued(known, stamp, descriptor):
        table = replace(known, stamp=stamp)
    else:
        table = Table(path, stamp, _columns(header), header=header, end=len(header), last_line=header)
    return _grown(table, descriptor, status.st_size)


def _is_continued(known: Table, stamp: Stamp, descriptor: int) -> bool:
    """Whether the file only grew. One that was changed by hand is of the same size, or another file, or tells by its
    last line.
    """
    if stamp[0] != known.stamp[0] or stamp[1] <= known.stamp[1]:
        return False
    return os.pread(descriptor, len(known.last_line), known.end - len(known.last_line)) == known.last_line


def _columns(header: bytes) -> list[str]:
    text = header.decode("utf-8")
    if "\0" in text:
        raise ValueError("it holds NUL bytes")
    columns = next(csv.reader([text.rstrip("\r\n")], strict=True), [])
    if len(set(columns)) < len(columns):
        raise ValueError("its header names a column twice")
    return columns


def _grown(table: Table, descriptor: int, size: int) -> Table:
    """Read on from where the table ends. Raises Rewritten, and ValueError, csv.Error for what cannot be read."""
    marks, odd_marks, maxima = table.marks[:], set(table.odd_marks), dict(table.maxima)
    num_rows, end, last_line = table.num_rows, table.end, table.last_line
    pieces = [table.header] if end == len(table.header) else []
    while data := _whole_lines(descriptor, end, size):
        # A rewrite always changes the header, so the same one as before means that what was read belongs to it.
        if first_line_of(descriptor) != table.header:
            raise Rewritten
        pieces = [*pieces, data] if len(pieces) == 1 else []
        written = data.splitlines(keepends=True)
        lines, starts, start = _lines(data), list(accumulate(map(len, written), initial=end)), 0
        if len(lines) < len(written):
            starts = [place for line, place in zip(written, starts) if line.strip(b"\r\n")]
        while start < len(lines):
            if num_rows % ROWS_PER_MARK == 0:
                marks.append(starts[start])
            stop = start + ROWS_PER_MARK - num_rows % ROWS_PER_MARK
            for stretch in _cut(table.columns, lines[start:stop]):
                if not stretch.is_plain:
                    odd_marks.add(len(marks) - 1)
                for column, value in stretch.maxima().items():
                    maxima[column] = max(value, maxima.get(column, value))
            num_rows, start = num_rows + len(lines[start:stop]), stop
        end, last_line = end + len(data), written[-1]
    return replace(
        table,
        num_rows=num_rows,
        maxima=maxima,
        end=end,
        last_line=last_line,
        marks=marks,
        odd_marks=frozenset(odd_marks),
        content=b"".join(pieces),
    )


def _whole_lines(descriptor: int, start: int, size: int) -> bytes:
    """The next lines that are complete, as they are written; empty at the end."""
    data = os.pread(descriptor, min(BYTES_AT_ONCE, max(0, size - start)), start)
    end = data.rfind(b"\n") + 1
    if end == 0 and len(data) == BYTES_AT_ONCE:
        raise ValueError(f"a line is longer than {BYTES_AT_ONCE:,} bytes")
    return data[:end]


def _lines(data: bytes) -> list[bytes]:
    """The rows' lines without their ends; blank ones are no rows."""
    return [line for line in data.splitlines() if line]


def _cut(columns: list[str], lines: list[bytes], is_plain: bool | None = None) -> Iterator[Stretch]:
    step = max(1, CELLS_AT_ONCE // max(1, len(columns)))
    for start in range(0, len(lines), step):
        yield Stretch(columns, lines[start : start + step], is_plain)
