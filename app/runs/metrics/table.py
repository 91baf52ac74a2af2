"""A metrics CSV as a table that remembers only where its rows are."""

from __future__ import annotations

import hashlib
import json
import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import NamedTuple

from app.runs.metrics.chunk import Chunk, Number
from app.runs.metrics.header import Header
from trainer.filestate import FileState
from trainer.runfile import RunFile

CELLS_AT_ONCE = 8192
"""Cells per chunk. Parsing or encoding a chunk takes only some milliseconds, so other requests do not wait."""


class Rewritten(Exception):
    """The file was rewritten while its table was read. Inspect the file again."""


class Segment(NamedTuple):
    """Consecutive lines as a range of bytes, with the number of rows before them."""

    first_row: int
    begin: int
    end: int
    is_plain: bool


class Skipped(NamedTuple):
    """A line that is not a row: its number in the file (the header is line 1), and the reason."""

    line: int
    reason: str


@dataclass
class Table:
    """A metrics CSV at the moment of its inspection. The rows are read from the file on demand.

    So a file of any length needs only some bytes per thousand rows. Each line is a row, except the lines in `skipped`.
    A table does not change after its inspection.
    """

    file: RunFile
    state: FileState
    reading: object = field(compare=False, default_factory=object)
    """The same object in all tables that continue each other."""
    header: Header = field(default_factory=lambda: Header(b"", [], ","))
    num_rows: int = 0
    num_lines: int = 0
    end: int = 0
    """Offset of the end of the last line in the table."""
    segments: list[Segment] = field(default_factory=list, compare=False)
    maxima: dict[str, Number] = field(default_factory=dict)
    """The greatest value of each counter (epoch, step) that has a value."""
    text_columns: set[int] = field(default_factory=set)
    num_skipped: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    """The first skipped lines."""
    first_row: dict[str, Number] = field(default_factory=dict)
    last_row: dict[str, Number] = field(default_factory=dict)
    edges: tuple[bytes, bytes] = (b"", b"")
    """The first bytes after the header and the last bytes before the end. A change of the file shows there."""
    is_whole: bool = True
    """Whether the inspection reached the last line. Else it stopped after `max_bytes`."""
    fresh: list[tuple[int, Chunk]] = field(default_factory=list, compare=False, repr=False)
    """The chunks of the last inspection, if it had `max_bytes`, each with the number of its first row."""
    content: bytes = field(default=b"", compare=False, repr=False)
    """The whole file, if the inspection read it at once. Then `digest` is the digest of the file."""
    digest: str = field(default="", compare=False)

    @property
    def version(self) -> str:
        """A text that is the same only as long as the content is."""
        if self.digest:
            return self.digest
        return repr((self.state, None if self.state.is_settled else self.state.seen_ns))

    @property
    def columns(self) -> list[str]:
        return self.header.columns

    @property
    def names_of_text_columns(self) -> list[str]:
        return [self.columns[i] for i in sorted(self.text_columns)]

    def attempt(self, restarts: int = 0) -> str | None:
        """Name the attempt at the training by the first row. None without rows.

        A program that starts again may write its file again from the start. `restarts` separates attempts with the same
        first row.
        """
        if not self.first_row:
            return None
        identity = json.dumps([sorted(self.first_row.items()), restarts])
        return hashlib.sha256(identity.encode()).hexdigest()[:12]

    def continued(self, state: FileState) -> Table:
        """Return a copy to which an inspection of a later state of the file adds rows."""
        return replace(
            self,
            state=state,
            segments=self.segments[:],
            maxima=dict(self.maxima),
            text_columns=set(self.text_columns),
            skipped=self.skipped[:],
            is_whole=True,
            fresh=[],
            content=b"",
            digest="",
        )

    def chunks(self, since_row: int = 0) -> Iterator[tuple[int, Chunk]]:
        """Yield the rows in order, in chunks, each with the number of its first row. Raises Rewritten and OSError."""
        if since_row >= self.num_rows:
            return
        first = bisect_right(self.segments, since_row, key=itemgetter(0)) - 1
        with self.file.open() as file:
            for segment in self.segments[first:]:
                row = segment.first_row
                for lines in cut(self._read(file.fileno(), segment).splitlines(), len(self.columns)):
                    chunk = Chunk(self.header, list(filter(None, lines)), segment.is_plain)
                    if len(chunk) and row + len(chunk) > since_row:
                        yield max(row, since_row), chunk.since(since_row - row)
                    row += len(chunk)

    def _read(self, descriptor: int, segment: Segment) -> bytes:
        if self.content:
            return self.content[segment.begin : segment.end]
        data, written = os.pread(descriptor, segment.end - segment.begin, segment.begin), self.header.written
        if len(data) < segment.end - segment.begin or os.pread(descriptor, len(written), 0) != written:
            raise Rewritten
        return data


def cut(lines: list[bytes], num_columns: int) -> Iterator[list[bytes]]:
    """Divide lines into chunks of about CELLS_AT_ONCE cells."""
    step = max(1, CELLS_AT_ONCE // max(1, num_columns))
    for start in range(0, len(lines), step):
        yield lines[start : start + step]
