"""Rows from the bytes of a log."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from app.runs.collect.source import Position, Row, Value
from app.runs.log.escapes import ESCAPE
from app.runs.metrics.chunk import number
from trainer.experiment.logpattern import COUNTERS, LogPattern

SLICE_BYTES = 256 * 1024
BLOCK_BYTES = 1024
"""This many bytes are matched together first, because most lines of most logs match no pattern."""
MAX_LINE_BYTES = 8 * 1024
"""Patterns see only the beginning of a longer line, so that even the slowest takes at most 0.1 s."""
READ_S = 0.05
"""A read ends after this time and at least one block."""
MAX_RECENT = 8
"""How many rows a new one is compared with. rich redraws all its bars when one changes."""

END_OF_LINE = re.compile(rb"[\r\n]")
_CURSOR_UP, _UP = re.compile(rb"\x1b\[(\d?)A"), b"\v"
"""The escape sequence that moves the cursor up, and the character that stands for each line after cleaning."""
_AS_LINES = bytes.maketrans(b"\r" + _UP, b"\n\n")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?")


class LogRows:
    """Rows from the bytes of a log after a position."""

    def __init__(self, patterns: Sequence[LogPattern], position: Position) -> None:
        self.complete: list[Row] = []
        """The rows that later bytes cannot change."""
        self.matched = set[int](position.get("matched", ()))
        """The indices of the patterns that matched a line."""
        self._patterns = patterns
        self._counters: Row = dict(position.get("counters", {}))
        """The epoch and the step that the log named last."""
        self._pending: Row = dict(position.get("pending", {}))
        """The row of the current line, which the program may redraw."""
        self._num_newlines: int = position.get("num_newlines", 0)
        """The newlines after it. They may only move the cursor down to a nested bar."""
        self._is_in_long_line: bool = position.get("is_in_long_line", False)
        self._recent: list[Row] | None = position.get("recent")
        """The last rows, if the program redraws several lines. None if it does not."""

    def state(self) -> Position:
        return {
            "counters": self._counters,
            "pending": self._pending,
            "num_newlines": self._num_newlines,
            "is_in_long_line": self._is_in_long_line,
            "recent": self._recent,
            "matched": sorted(self.matched),
        }

    def read(self, data: bytes, is_end: bool) -> int:
        """Read complete lines, and complete drawings of lines, for READ_S. Return the number of bytes read.

        With `is_end` the last line is complete.
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
        """Return where the next line or drawing begins, if the beginning of this one was read."""
        if not self._is_in_long_line:
            return 0
        end = END_OF_LINE.search(data)
        if end is None:
            return len(data)
        self._is_in_long_line = False
        self._num_newlines += end[0] == b"\n"
        return end.end()

    @staticmethod
    def _end_of_block(data: bytes, begin: int, is_end: bool) -> int:
        """Return the end of the next complete lines and drawings, about BLOCK_BYTES. 0 if none is complete."""
        limit = begin + BLOCK_BYTES
        end = max(data.rfind(b"\n", begin, limit), data.rfind(b"\r", begin, limit)) + 1
        if not end and (found := END_OF_LINE.search(data, limit)):
            end = found.end()
        return end or (len(data) if is_end and begin < len(data) else 0)

    def _read_block(self, block: bytes) -> None:
        text = _clean(block)
        as_lines = text.translate(_AS_LINES)
        patterns = [(index, each) for index, each in enumerate(self._patterns) if each.may_match(as_lines)]
        if not patterns and not self._pending and _UP not in text:
            return  # As in most blocks, nothing is relevant.
        for place, line in enumerate(text.split(b"\n")):
            self._num_newlines += place > 0
            for state in filter(None, line.split(b"\r")):
                self._read_state(state, patterns)

    def _read_state(self, state: bytes, patterns: Sequence[tuple[int, LogPattern]]) -> None:
        is_above = state.startswith(_UP)
        if is_above and self._recent is None:
            self._recent = []
        if is_above or self.is_line_ended(_num_up(state)):
            self.end_line()
        self._num_newlines = 0
        state = state.strip(_UP)
        if len(state) > MAX_LINE_BYTES:
            state = state[:MAX_LINE_BYTES].decode(errors="ignore").encode()
        texts: dict[str, str] = {}
        for index, pattern in patterns:
            if found := pattern.match(state):
                self.matched.add(index)
                texts = found | texts
        if not texts:
            return
        row = {name: _value(text) for name, text in texts.items()}
        self._counters |= {name: row[name] for name in COUNTERS if isinstance(row.get(name), (int, float))}
        if row.keys() <= set(COUNTERS):
            return
        row = self._counters | row
        if self._pending.get("epoch") != row.get("epoch"):
            self.end_line()
        self._pending |= row

    def is_line_ended(self, num_up: int) -> bool:
        """Whether the current line has a row and has ended. `num_up`: how many lines the cursor moves up next."""
        return bool(self._pending) and self._num_newlines > num_up

    def end_line(self) -> None:
        """Complete the row of the current line."""
        row, self._pending = self._pending, {}
        if not row or (self._recent is not None and row in self._recent):
            return
        self.complete.append(row)
        if self._recent is not None:
            self._recent = [*self._recent, row][-MAX_RECENT:]


def _clean(block: bytes) -> bytes:
    """Return valid UTF-8 without escape sequences, but with _UP for those that move the cursor up."""
    block = block.replace(_UP, b"").replace(b"\b", b"")
    if b"\x1b" in block:
        block = ESCAPE.sub(b"", _CURSOR_UP.sub(lambda found: _UP * int(found[1] or 1), block))
    return block if block.isascii() else block.decode(errors="replace").encode()


def num_up_at_end(data: bytes) -> int:
    """Return how many lines the cursor moves up at the end of the data."""
    return _num_up(_clean(data))


def _num_up(state: bytes) -> int:
    return len(state) - len(state.rstrip(_UP))


def _value(text: str) -> Value:
    """Return a number, or the text if it is not a number.

    Quotes around a number are ignored, and so are a percent sign or punctuation after it. Commas separate thousands:
    12,345.6. A percentage is not divided: 85% is 85.
    """
    plain = text.lstrip(" \t'\"").rstrip(" \t'\"%.,;:)]}")
    try:
        return number(plain.replace(",", "") if _THOUSANDS.fullmatch(plain) else plain)
    except ValueError:
        return text
