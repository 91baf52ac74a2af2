"""Rows from a log: the named groups of a pattern are the values in each line that it matches."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.runs.collect.source import Position, Reading, Row, Value
from app.runs.log.escapes import ESCAPE
from app.runs.metrics.chunk import number
from app.runs.metrics.header import COUNTERS
from trainer.experiment.logpattern import LogPattern
from trainer.runfile import RunFile

SLICE_BYTES = 256 * 1024
BLOCK_BYTES = 4 * 1024
"""Lines that are tried together first, because most lines of most logs match no pattern."""
MAX_LINE_BYTES = 8 * 1024
"""Patterns see only the beginning of a longer line, so that the slowest one takes 0.1 s."""
READ_S = 0.05
"""A read ends after this time and at least one block."""
QUIET_S = 0.2
"""A newline at the end of the log ends the line if nothing follows for so long. tqdm moves the cursor down with a
newline, then draws the nested bar, then moves the cursor up again."""
MAX_NAMED_PATTERNS = 3

_END = re.compile(rb"[\r\n]")
_CURSOR_UP, _UP = re.compile(rb"\x1b\[(\d?)A"), b"\v"
"""The escape sequence that moves the cursor up, and the character that stands for each line after cleaning."""
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?")


@dataclass(frozen=True)
class LogPatterns:
    """The log of a run, and the patterns that its experiment declares.

    A line gives one row, with the values of all patterns that match it. A row without an epoch or a step gets the one
    that the log named last. A line that names nothing else gives no row.

    Of a line that the program draws again and again, such as a bar, the last value of each metric counts. If the line
    names epochs, the last value in each epoch counts.
    """

    name: str
    file: RunFile
    patterns: tuple[str, ...]

    def read_new(self, position: Position, is_final: bool) -> Reading:
        """Read on. A position has the byte offset of a line, or of a state of a line, and what the log said before.

        A log that became shorter, as by logrotate, is read from its start. Its earlier rows stay.
        """
        with self.file.open() as opened:
            status = os.fstat(opened.fileno())
            size, offset = status.st_size, position.get("offset", 0)
            offset = offset if offset <= size else 0
            data = os.pread(opened.fileno(), SLICE_BYTES, offset)
        rows = _Rows(_compiled(self.patterns), position)
        is_last = offset + len(data) >= size
        num_read = rows.read(data, is_final and is_last)
        rest = data[num_read:]
        is_whole = is_last and (not rest or (not is_final and _END.search(rest) is None))
        if is_whole and rows.is_line_ended(_num_up(_clean(rest))):
            if is_final or not 0 <= time.time() - status.st_mtime < QUIET_S:
                rows.end_line()
            else:
                is_whole = False
        problem = self._problem(rows) if is_final and is_whole else None
        return Reading(rows.complete, {"offset": offset + num_read, **rows.state()}, is_whole, problem)

    def _problem(self, rows: _Rows) -> str | None:
        unmatched = [text for index, text in enumerate(self.patterns) if index not in rows.matched]
        if not unmatched:
            return None
        more = f" and {len(unmatched) - MAX_NAMED_PATTERNS} more" if len(unmatched) > MAX_NAMED_PATTERNS else ""
        return f"no line matches {', '.join(map(repr, unmatched[:MAX_NAMED_PATTERNS]))}{more}"


@lru_cache(64)
def _compiled(patterns: tuple[str, ...]) -> tuple[LogPattern, ...]:
    return tuple(map(LogPattern, patterns))


class _Rows:
    """Rows of the bytes of a log, read from a position on."""

    def __init__(self, patterns: Sequence[LogPattern], position: Position) -> None:
        self.complete: list[Row] = []
        """The rows that no later byte changes."""
        self.matched = set[int](position.get("matched", ()))
        """The indices of the patterns that matched a line."""
        self._patterns = patterns
        self._counters: Row = dict(position.get("counters", {}))
        """The epoch and the step that the log named last."""
        self._pending: Row = dict(position.get("pending", {}))
        """The row of the current line. The program may draw the line again."""
        self._num_newlines: int = position.get("num_newlines", 0)
        """How many newlines followed. They may only have moved the cursor down to a nested bar."""
        self._is_in_long_line: bool = position.get("is_in_long_line", False)

    def state(self) -> Position:
        return {
            "counters": self._counters,
            "pending": self._pending,
            "num_newlines": self._num_newlines,
            "is_in_long_line": self._is_in_long_line,
            "matched": sorted(self.matched),
        }

    def read(self, data: bytes, is_end: bool) -> int:
        """Read lines and states of lines that have an end, for some time. Return the number of bytes that were read.

        At the end of the log everything has an end.
        """
        deadline, begin = time.monotonic() + READ_S, self._skip_long_line(data)
        while end := self._end_of_block(data, begin, is_end):
            self._read_block(data[begin:end])
            begin = end
            if time.monotonic() > deadline:
                return begin
        if begin == 0 and len(data) == SLICE_BYTES:
            self._read_block(data[:MAX_LINE_BYTES])
            self._is_in_long_line, begin = True, len(data)
        if is_end and begin == len(data):
            self._num_newlines += 1
        return begin

    def _skip_long_line(self, data: bytes) -> int:
        """Return where the next line or state begins, if the beginning of this one has been read."""
        if not self._is_in_long_line:
            return 0
        end = _END.search(data)
        if end is None:
            return len(data)
        self._is_in_long_line = False
        self._num_newlines += end[0] == b"\n"
        return end.end()

    @staticmethod
    def _end_of_block(data: bytes, begin: int, is_end: bool) -> int:
        """Return the end of the next lines and states, about BLOCK_BYTES. 0 if none of them has an end."""
        limit = begin + BLOCK_BYTES
        end = max(data.rfind(b"\n", begin, limit), data.rfind(b"\r", begin, limit)) + 1
        if not end and (found := _END.search(data, limit)):
            end = found.end()
        return end or (len(data) if is_end and begin < len(data) else 0)

    def _read_block(self, block: bytes) -> None:
        text = _clean(block)
        as_lines = text.replace(b"\r", b"\n")
        patterns = [(index, each) for index, each in enumerate(self._patterns) if each.may_match(as_lines)]
        for place, line in enumerate(text.split(b"\n")):
            self._num_newlines += place > 0
            for state in filter(None, line.split(b"\r")):
                self._read_state(state, patterns)

    def _read_state(self, state: bytes, patterns: Sequence[tuple[int, LogPattern]]) -> None:
        if self.is_line_ended(_num_up(state)):
            self.end_line()
        self._num_newlines = 0
        if len(state) > MAX_LINE_BYTES:
            state = state[:MAX_LINE_BYTES].decode(errors="ignore").encode()
        texts: dict[str, str] = {}
        for index, pattern in patterns:
            if found := pattern.match(state):
                self.matched.add(index)
                texts = found | texts
        row = {name: _value(text) for name, text in texts.items()}
        self._counters |= {name: row[name] for name in COUNTERS if isinstance(row.get(name), (int, float))}
        if row.keys() <= set(COUNTERS):
            return
        row = self._counters | row
        if self._pending.get("epoch") != row.get("epoch"):
            self.end_line()
        self._pending |= row

    def is_line_ended(self, num_up: int) -> bool:
        """Whether the current line has a row and is ended. `num_up`: by how many lines the cursor moves up next."""
        return bool(self._pending) and self._num_newlines > num_up

    def end_line(self) -> None:
        """Complete the row of the current line."""
        if self._pending:
            self.complete.append(self._pending)
            self._pending = {}


def _clean(block: bytes) -> bytes:
    """Return valid UTF-8 without escape sequences, but with _UP for those that move the cursor up."""
    if b"\x1b" in block:
        block = _CURSOR_UP.sub(lambda found: _UP * int(found[1] or 1), block.replace(_UP, b""))
        block = ESCAPE.sub(b"", block)
    block = block.replace(b"\b", b"")
    return block if block.isascii() else block.decode(errors="replace").encode()


def _num_up(state: bytes) -> int:
    """Return by how many lines the cursor moves up at the end of a state."""
    return len(state) - len(state.rstrip(_UP))


def _value(text: str) -> Value:
    """Return a number, or the text if it is none.

    What surrounds a number in a sentence is left out: quotes, a percent sign, punctuation behind it. Commas separate
    thousands: 12,345.6. Percent stay as printed: 85% is 85.
    """
    plain = text.lstrip(" \t'\"").rstrip(" \t'\"%.,;:)]}")
    try:
        return number(plain.replace(",", "") if _THOUSANDS.fullmatch(plain) else plain)
    except ValueError:
        return text
