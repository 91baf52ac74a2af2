"""Inspect a metrics CSV: find where its rows are, or only what is new in a known file."""

from __future__ import annotations

import csv
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from app.runs.exceptions import MetricsUnreadable
from app.runs.metrics.chunk import Chunk
from app.runs.metrics.header import NOTHING_DECLARED, Header, read_header
from app.runs.metrics.table import CELLS_AT_ONCE, Rewritten, Segment, Skipped, Table, cut
from trainer.experiment.outputs import MetricsOutput
from trainer.filestate import FileState
from trainer.runfile import RunFile

MAX_REWRITES_MET = 20
MAX_SKIPPED_NAMED = 20
ROWS_PER_SEGMENT = 1024
BYTES_PER_SEGMENT = 64 * 1024
"""A segment ends after that many rows or bytes. So reading from any row reads at most one segment too many."""
BYTES_AT_ONCE = 1024 * 1024
"""Bytes read at once. A longer line is skipped. A shorter file is consistent even while it is being rewritten."""
EDGE_BYTES = 1024

REWRITTEN = "it keeps being rewritten"


@contextmanager
def readable(file: RunFile) -> Iterator[None]:
    """Turn errors of reading a file into MetricsUnreadable, which names the file and the problem."""
    try:
        yield
    except OSError as error:
        raise MetricsUnreadable(str(file), error.strerror or str(error)) from error
    except (ValueError, csv.Error) as error:
        raise MetricsUnreadable(str(file), str(error)) from error


def inspect(
    file: RunFile,
    known: Table | None = None,
    is_final: bool = False,
    max_bytes: int | None = None,
    declared: MetricsOutput = NOTHING_DECLARED,
) -> Table:
    """Inspect a metrics CSV. If the file is `known`, read only what is new. Raises MetricsUnreadable.

    `declared` has the names and directions that the experiment of the run gives its columns. It is always the same.

    A file of up to 1 MiB is read in full whenever it may have changed, unless `max_bytes` is given.

    The writer may append rows, rewrite the file with a wider header as Lightning does, or restart the file. An
    unfinished last line waits. It counts if `is_final`: the file is no longer written. With `max_bytes` the
    inspection stops after about that many new bytes and keeps the chunks in `fresh`.
    """
    with readable(file):
        for _ in range(MAX_REWRITES_MET):
            with file.open() as opened, suppress(Rewritten):
                return _Inspection(file, opened.fileno(), is_final, max_bytes, declared).table(known)
        raise ValueError(REWRITTEN)


class _Inspection:
    """Inspect an open file once and make a table."""

    def __init__(
        self, file: RunFile, descriptor: int, is_final: bool, max_bytes: int | None, declared: MetricsOutput
    ) -> None:
        seen_ns = time.time_ns()
        status = os.fstat(descriptor)
        self._descriptor = descriptor
        self._size = status.st_size
        self._is_final = is_final
        self._max_bytes = max_bytes
        self._declared = declared
        self._table = Table(file, FileState.of(status, seen_ns))

    def table(self, known: Table | None) -> Table:
        """Raises Rewritten, ValueError and csv.Error."""
        if known is not None and self._is_unchanged(known) and known.state.is_settled:
            return known
        if self._max_bytes is None and self._size <= BYTES_AT_ONCE:
            known = None
        written = read_header(self._descriptor)
        if len(written) > self._size:  # The header is longer than the whole file was a moment ago.
            raise Rewritten
        if known is not None and written == known.header.written and self._is_continued(known):
            if self._is_unchanged(known) and known.state.is_settled == self._table.state.is_settled:
                return known
            self._table = known.continued(self._table.state)
        elif written:
            self._table.header = Header.parse(written, self._declared)
            self._table.end, self._table.num_lines = len(written), written.count(b"\n")
        if written:
            self._read_on()
        return self._table

    def _is_unchanged(self, known: Table) -> bool:
        is_read = known.is_whole and (known.end == self._size or not self._is_final)
        return is_read and (known.file, known.state) == (self._table.file, self._table.state)

    def _is_continued(self, known: Table) -> bool:
        """Whether the file only grew. A change of the known bytes shows at their edges."""
        if known.file != self._table.file or known.state.inode != self._table.state.inode or self._size < known.end:
            return False
        return self._edges(known) == known.edges and known.edges[1][-1:] in (b"", b"\n")

    def _edges(self, table: Table) -> tuple[bytes, bytes]:
        begin = len(table.header.written)
        size = min(EDGE_BYTES, table.end - begin)
        return self._read(begin, size), self._read(table.end - size, size)

    def _read_on(self) -> None:
        """Read on from the end of the table."""
        table, begin, num_lines = self._table, self._table.end, self._table.num_lines
        is_kept = self._max_bytes is None and self._size <= BYTES_AT_ONCE
        content = table.header.written
        while data := self._next_lines():
            # A rewrite always changes the header. So if the header is the same, the bytes belong to it.
            if read_header(self._descriptor) != table.header.written:
                raise Rewritten
            self._add(data)
            content += data if is_kept else b""
            is_enough = table.num_lines - num_lines >= self._max_lines
            if self._max_bytes is not None and (is_enough or table.end - begin >= self._max_bytes):
                table.is_whole = False
                break
        table.edges = self._edges(table)
        if is_kept:
            table.content, table.digest = content, hashlib.sha256(content).hexdigest()

    def _next_lines(self) -> bytes:
        """Return the next complete lines; empty at the end of the file. Skips lines that are too long."""
        while True:
            limit = BYTES_AT_ONCE if self._max_bytes is None else self._max_bytes
            begin = self._table.end
            data = self._read(begin, min(limit, self._size - begin))
            if b"\n" not in data and len(data) == limit < BYTES_AT_ONCE:
                data = self._read(begin, min(BYTES_AT_ONCE, self._size - begin))
            if end := data.rfind(b"\n") + 1:
                return data[:end] if self._max_bytes is None else self._first_lines(data[:end])
            if len(data) < BYTES_AT_ONCE:
                return self._unfinished(data) if data and self._is_final else b""
            length = self._length_of_line(begin)
            if not length:
                return b""
            self._pass_over(length, f"is longer than {BYTES_AT_ONCE:,} bytes")

    @property
    def _max_lines(self) -> int:
        """Of an inspection that is limited. A short line below a wide header stands for many cells too."""
        return max(1, CELLS_AT_ONCE // max(1, len(self._table.columns)))

    def _first_lines(self, data: bytes) -> bytes:
        rest = data.split(b"\n", self._max_lines)[self._max_lines :]
        return data[: len(data) - len(rest[0])] if rest else data

    def _unfinished(self, line: bytes) -> bytes:
        """Return the last line if only its line end is missing. A line without all cells is torn, so skip it."""
        if line.count(self._table.header.delimiter.encode()) + 1 >= len(self._table.columns):
            return line
        self._pass_over(len(line), "is the last line and incomplete")
        return b""

    def _length_of_line(self, begin: int) -> int:
        """Return the length of a line that is longer than BYTES_AT_ONCE; 0 while it has no end."""
        place = begin
        while data := self._read(place, BYTES_AT_ONCE):
            if end := data.find(b"\n") + 1:
                return place + end - begin
            place += len(data)
        return place - begin if self._is_final else 0

    def _pass_over(self, num_bytes: int, reason: str) -> None:
        self._table.num_lines += 1
        self._table.end += num_bytes
        self._skip(self._table.num_lines, reason)

    def _skip(self, line: int, reason: str) -> None:
        self._table.num_skipped += 1
        if len(self._table.skipped) < MAX_SKIPPED_NAMED:
            self._table.skipped.append(Skipped(line, reason))

    def _add(self, data: bytes) -> None:
        """Add complete lines to the table."""
        table, start = self._table, 0
        for written in cut(data.splitlines(keepends=True), len(table.columns)):
            num_bytes = sum(map(len, written))
            lines = data[start : start + num_bytes].splitlines()
            start += num_bytes
            chunk = Chunk(table.header, list(filter(None, lines)))
            places = [place for place, line in enumerate(lines, table.num_lines + 1) if line] if chunk.problems else []
            for problem in chunk.problems:
                self._skip(places[problem.line], problem.reason)
            self._extend(chunk, table.end + num_bytes)
            table.num_lines += len(lines)

    def _extend(self, chunk: Chunk, end: int) -> None:
        table = self._table
        last = table.segments[-1] if table.segments else None
        if last is None or last.end != table.end or self._is_full(last):
            table.segments.append(Segment(table.num_rows, table.end, end, chunk.is_plain))
        else:
            table.segments[-1] = last._replace(end=end, is_plain=last.is_plain and chunk.is_plain)
        if self._max_bytes is not None:
            table.fresh.append((table.num_rows, chunk))
        if len(chunk):
            table.first_row = table.first_row if table.num_rows else chunk.named(0)
            table.last_row = chunk.named(len(chunk) - 1)
        for column, value in chunk.maxima().items():
            table.maxima[column] = max(value, table.maxima.get(column, value))
        table.text_columns |= chunk.text.keys()
        table.num_rows += len(chunk)
        table.end = end

    def _is_full(self, segment: Segment) -> bool:
        num_rows, num_bytes = self._table.num_rows - segment.first_row, segment.end - segment.begin
        return num_rows >= ROWS_PER_SEGMENT or num_bytes >= BYTES_PER_SEGMENT

    def _read(self, begin: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, begin)
