"""Show what a terminal would show of a log, because programs draw progress bars over and over."""

from __future__ import annotations

import re

from app.runs.log.escapes import ESCAPE

MAX_ROWS = 500
MAX_ROW_BYTES = 1024
MAX_ESCAPE_BYTES = 64

_CONTROL = re.compile(rb"(\n|\r|" + ESCAPE.pattern + rb")")
_CURSOR_UP = re.compile(rb"\x1b\[(\d{0,4})A")
_ERASE_ROW = re.compile(rb"\x1b\[[012]?K")


class Screen:
    """The last rows of a terminal without width. Text after a carriage return replaces the row."""

    def __init__(self) -> None:
        self._rows = [b""]
        self._cursor = 0
        self._is_at_start = True
        self._unfinished = b""
        """The beginning of an escape sequence."""

    @property
    def rows(self) -> list[str]:
        """The rows that are not blank. Bytes that are not UTF-8 appear as U+FFFD."""
        return [row.decode(errors="replace") for row in self._rows if not row.isspace() and row]

    def write(self, data: bytes) -> None:
        data = self._unfinished + data
        begin = data.rfind(b"\x1b", max(0, len(data) - MAX_ESCAPE_BYTES))
        is_unfinished = begin >= 0 and ESCAPE.match(data, begin) is None
        data, self._unfinished = (data[:begin], data[begin:]) if is_unfinished else (data, b"")
        for number, part in enumerate(_CONTROL.split(self._skip_scrolled(data).replace(b"\b", b""))):
            if number % 2:
                self._move(part)
            elif part:
                self._put(part)

    def _skip_scrolled(self, data: bytes) -> bytes:
        """Return the end of `data` that stays on the screen, if no escape sequence moves the cursor back up.

        Twice the rows, because the first newlines may only move the cursor down to the last row.
        """
        if b"\x1b" in data or data.count(b"\n") <= 2 * MAX_ROWS:
            return data
        begin = len(data)
        for _ in range(MAX_ROWS):
            begin = data.rfind(b"\n", 0, begin)
        self._rows, self._cursor, self._is_at_start = [b""], 0, True
        return data[begin + 1 :]

    def _put(self, text: bytes) -> None:
        row = b"" if self._is_at_start else self._rows[self._cursor]
        self._rows[self._cursor] = (row + text)[:MAX_ROW_BYTES]
        self._is_at_start = False

    def _move(self, control: bytes) -> None:
        if control == b"\n":
            self._cursor += 1
            if self._cursor == len(self._rows):
                self._rows.append(b"")
            if len(self._rows) > MAX_ROWS:
                del self._rows[0]
                self._cursor -= 1
            self._is_at_start = True
        elif control == b"\r":
            self._is_at_start = True
        elif up := _CURSOR_UP.fullmatch(control):
            self._cursor = max(0, self._cursor - int(up[1] or 1))
        elif _ERASE_ROW.fullmatch(control) and self._is_at_start:
            self._rows[self._cursor] = b""
