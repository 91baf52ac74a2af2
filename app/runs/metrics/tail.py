"""Read the metrics file of a run while its program writes it: each new row once, earlier rows on demand."""

from __future__ import annotations

from collections.abc import Iterator

from app.runs.exceptions import MetricsUnreadable
from app.runs.metrics.chunk import Chunk, Number
from app.runs.metrics.header import NOTHING_DECLARED
from app.runs.metrics.inspection import inspect
from app.runs.metrics.table import CELLS_AT_ONCE, Rewritten, Table
from trainer.experiment.direction import Direction
from trainer.experiment.outputs import MetricsOutput
from trainer.runfile import RunFile

BYTES_AT_ONCE = 64 * 1024
"""Bytes per inspection. Parsing them takes only some milliseconds, so other requests do not wait."""


class MetricsTail:
    """Yield each row of a metrics file once, in file order, and all rows again when the program starts the file again.

    The position is a row count. Lightning truncates the file and rewrites it in place with a wider header whenever a
    new metric appears, but keeps the rows and their order. The tail waits until such a rewrite is complete. A file with
    other rows, or with fewer rows and no rewrite, is another attempt at the training.
    """

    def __init__(self) -> None:
        self.num_rows = 0
        self.num_restarts = 0
        """How often the file was started again."""
        self.table: Table | None = None
        """The table of the file up to row `num_rows`."""
        self.problem: str | None = None
        """Why the file cannot be read."""
        self._attempt: tuple[dict[str, Number], int, str | None] = {}, 0, None
        """The last attempt that was named, after the first row and the restarts that name it."""
        self._inspected: Table | None = None
        """Like `table`, but it may lack rows while the file is being rewritten."""

    @property
    def columns(self) -> list[str]:
        return self.table.columns if self.table is not None else []

    @property
    def directions(self) -> dict[str, Direction]:
        return self.table.header.directions if self.table is not None else {}

    @property
    def attempt(self) -> str | None:
        if self.table is None:
            return None
        first_row, restarts, attempt = self._attempt
        if first_row is not self.table.first_row or restarts != self.num_restarts:
            # Not each time: a row may have thousands of columns.
            attempt = self.table.attempt(self.num_restarts)
            self._attempt = self.table.first_row, self.num_restarts, attempt
        return attempt

    def read_new(
        self, file: RunFile | None, is_final: bool = False, declared: MetricsOutput = NOTHING_DECLARED
    ) -> Iterator[Chunk]:
        """Yield the new rows in chunks. The caller must take all chunks. Never raises.

        When the file was restarted, `num_restarts` grows and an empty chunk comes first. `is_final`: the file is
        no longer written, so an unfinished last line counts.
        """
        while file is not None:
            try:
                table = inspect(file, self._inspected, is_final, BYTES_AT_ONCE, declared)
            except MetricsUnreadable as error:
                self.problem = str(error)
                return
            self.problem = None
            if table is self._inspected and table.is_whole:
                return
            self._inspected = table
            if self._is_other_attempt(table):
                self._begin_again()
                yield Chunk(table.header, [])
                continue
            if table.num_rows >= self.num_rows:
                yield from self._take(table)
            if table.is_whole:
                return

    def read_again(self, row: int, max_bytes: int) -> Chunk | None:
        """Read earlier rows again, from `row` on. With their epochs they take about `max_bytes` as JSON.

        Rows that are not plain come in smaller chunks, because they take long to parse.

        None if no rows follow, or if the file is being rewritten.
        """
        if self.table is None or row >= self.num_rows:
            return None
        lines: list[bytes] = []
        size, names_size, is_plain = 0, sum(len(name) + 4 for name in self.columns), True
        try:
            for _, chunk in self.table.chunks(row):
                is_plain = is_plain and chunk.is_plain
                for line in chunk.lines:
                    size += len(line) + names_size
                    is_slow = not is_plain and (len(lines) + 1) * len(self.columns) > CELLS_AT_ONCE
                    if lines and (size > max_bytes or is_slow):
                        return Chunk(self.table.header, lines, is_plain)
                    lines.append(line)
            return Chunk(self.table.header, lines, is_plain)
        except (OSError, Rewritten):
            return None

    def _take(self, table: Table) -> Iterator[Chunk]:
        for first_row, chunk in table.fresh:
            new = chunk.since(self.num_rows - first_row)
            self.table, self.num_rows = table, max(self.num_rows, first_row + len(chunk))
            yield new
        self.table = table

    def _begin_again(self) -> None:
        self.num_rows = 0
        self.num_restarts += 1
        self.table = self._inspected = None

    def _is_other_attempt(self, table: Table) -> bool:
        """Whether a file that was read from its start neither has the yielded rows nor will have them."""
        known = self.table
        if known is None or not self.num_rows or table.reading is known.reading:
            return False
        if table.num_rows >= self.num_rows:
            last_row = _fresh_row(table, self.num_rows - 1)
            return not (_holds(table.first_row, known.first_row) and _holds(last_row, known.last_row))
        return table.is_whole and not _may_be_rewritten(table, known)


def _may_be_rewritten(table: Table, known: Table) -> bool:
    """Whether a file with fewer rows may be one that Lightning is still rewriting."""
    if table.file != known.file or table.state.inode != known.state.inode:
        return False
    if not table.header.written:
        return True
    is_wider = table.header.written != known.header.written and set(known.columns) <= set(table.columns)
    return is_wider and (not table.num_rows or _holds(table.first_row, known.first_row))


def _fresh_row(table: Table, row: int) -> dict[str, Number]:
    """Return a row that the last inspection read."""
    return next((chunk.named(row - first) for first, chunk in table.fresh if first <= row < first + len(chunk)), {})


def _holds(row: dict[str, Number], known: dict[str, Number]) -> bool:
    """Whether a row still has all its earlier values."""
    return known.items() <= row.items()
