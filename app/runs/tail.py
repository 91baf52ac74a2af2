"""Followers of files that another process writes: each hands out what is new, once, in file order."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass
from pathlib import Path

from app.runs.events import Row
from app.runs.metrics import number
from app.runs.stamps import Stamp, stamp_of

MAX_UTF8_BYTES = 4
MAX_HEADER_BYTES = 1024 * 1024


class MetricsTail:
    """Yield each row of a Lightning metrics.csv once, in file order.

    Assumes of the writer: it appends rows, and when a new metric name appears it truncates the file and rewrites it
    in place with a wider header, keeping the rows and their order. So the position is a row count; a byte offset is
    only a shortcut, taken while the header is still the one it was measured under. An unfinished last line waits, and
    so does everything while the file is shorter than what was read already.
    """

    def __init__(self) -> None:
        self.columns: list[str] = []
        self.num_rows = 0
        self._header = b""
        self._offset = 0
        self._seen: Stamp | None = None

    def read_new(self, path: Path | None) -> list[Row]:
        """Return the rows that are new, aligned with `columns` as they are now; empty where there are none.

        A cell that is blank or no number is None. Raises nothing: a file that cannot be read has nothing new.
        """
        if path is None:
            return []
        try:
            with open(path, "rb") as file:
                status = os.fstat(file.fileno())
                seen = stamp_of(status)
                if seen == self._seen:
                    return []
                rows = self._read(file.fileno(), status.st_size)
        except (OSError, csv.Error):
            return []
        if rows is None:
            return []
        self._seen = seen
        return rows

    def _read(self, descriptor: int, size: int) -> list[Row] | None:
        """Return None when the file was rewritten under our hands: the next call looks again."""
        header = first_line_of(descriptor)
        if not header:
            return None
        is_appended = header == self._header and size >= self._offset
        start = self._offset if is_appended else len(header)
        chunk = os.pread(descriptor, max(0, size - start), start)
        # A rewrite always changes the header, so the same header before and after means that the bytes between
        # belong to it.
        if first_line_of(descriptor) != header:
            return None
        columns = next(csv.reader([header.decode("utf-8", errors="replace")]), [])
        complete = chunk[: chunk.rfind(b"\n") + 1]
        rows = parse_rows(complete.decode("utf-8", errors="replace"), columns)
        if not is_appended:
            if len(rows) < self.num_rows:
                return None
            rows = rows[self.num_rows :]
        self.columns, self._header, self._offset = columns, header, start + len(complete)
        self.num_rows += len(rows)
        return rows


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


def parse_rows(text: str, columns: list[str]) -> list[Row]:
    """Parse CSV lines without header; short rows are filled with None, cells beyond the header are left out."""
    width = len(columns)
    rows = []
    for cells in csv.reader(io.StringIO(text.replace("\0", ""), newline="")):
        if cells:
            row: Row = [number(column, cell) for column, cell in zip(columns, cells)]
            rows.append(row + [None] * (width - len(row)))
    return rows


@dataclass(frozen=True)
class LogChunk:
    """The bytes [offset, next_offset) of a log as text; bytes that are no UTF-8 appear as U+FFFD."""

    offset: int
    next_offset: int
    size: int
    text: str


def read_log(path: Path, offset: int, limit: int, is_final: bool = True) -> LogChunk:
    """Read at most about `limit` bytes from `offset` (below 0: counted from the end) without splitting a character.

    A cut lies between two characters, so pieces joined give the whole text. Unless `is_final`, a character that is
    still incomplete at the file's end is left for the next call. A missing file is an empty one.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = min(offset, size) if offset >= 0 else _first_character(file.fileno(), max(0, size + offset))
            data = os.pread(file.fileno(), limit + MAX_UTF8_BYTES, start)
    except OSError:
        return LogChunk(0, 0, 0, "")
    end = len(data)
    if end > limit:
        # A limit smaller than the first character must not keep a reader on the spot for ever.
        end = limit - _unfinished_bytes(data[:limit]) or _character_length(data[0])
    elif not is_final:
        end -= _unfinished_bytes(data)
    return LogChunk(start, start + end, size, data[:end].decode("utf-8", errors="replace"))


def first_line(path: Path, offset: int, end: int) -> int:
    """Move an offset in the log forward to where a line begins, or, if none does before `end`, a character."""
    try:
        with open(path, "rb") as file:
            if offset == 0 or os.pread(file.fileno(), 1, offset - 1) == b"\n":
                return offset
            ahead = os.pread(file.fileno(), max(0, end - offset), offset)
            newline = ahead.find(b"\n") + 1
            return offset + newline if 0 < newline < len(ahead) else _first_character(file.fileno(), offset)
    except OSError:
        return 0


def _first_character(descriptor: int, offset: int) -> int:
    ahead = os.pread(descriptor, MAX_UTF8_BYTES - 1, offset) if offset else b""
    return offset + next((i for i, byte in enumerate(ahead) if byte & 0xC0 != 0x80), len(ahead))


def _unfinished_bytes(data: bytes) -> int:
    """Count the bytes at the end that begin a character without ending it."""
    for back in range(1, min(MAX_UTF8_BYTES, len(data) + 1)):
        byte = data[-back]
        if byte & 0xC0 != 0x80:
            return back if _character_length(byte) > back else 0
    return 0


def _character_length(lead: int) -> int:
    return 4 if lead >= 0xF0 else 3 if lead >= 0xE0 else 2 if lead >= 0xC0 else 1


class LogTail:
    """Yield each byte of a growing log once, as text. The position is a byte offset."""

    CHUNK_BYTES = 64 * 1024
    MAX_CHUNKS_PER_READ = 16

    def __init__(self, offset: int = 0) -> None:
        self.offset = offset

    def skip_to_end(self, path: Path, is_final: bool) -> None:
        """Take what is there as read, up to the last whole character."""
        self.offset = read_log(path, -2 * MAX_UTF8_BYTES, 2 * MAX_UTF8_BYTES, is_final).next_offset

    def read_new(self, path: Path, is_final: bool = False) -> list[LogChunk]:
        """Return what is new in chunks of 64 KiB.

        At most 1 MiB at a time; of more than that only the last chunk, its offset telling of the gap. So a program
        that floods its log costs bounded memory, and followers fetch the rest when they like. `is_final`: nobody
        writes any more, so even an incomplete last character is handed out.
        """
        chunks: list[LogChunk] = []
        while True:
            chunk = read_log(path, self.offset, self.CHUNK_BYTES, is_final)
            if chunk.size - self.offset > self.CHUNK_BYTES * self.MAX_CHUNKS_PER_READ:
                chunk = read_log(path, -self.CHUNK_BYTES, self.CHUNK_BYTES, is_final)
            if chunk.next_offset <= self.offset:
                return chunks
            self.offset = chunk.next_offset
            chunks.append(chunk)
            if len(chunks) == self.MAX_CHUNKS_PER_READ:
                return chunks
