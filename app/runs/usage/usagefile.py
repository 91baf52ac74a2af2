"""usage.csv of one run, for its single writer and for readers."""

from __future__ import annotations

import os

from app.runs.usage.rows import EVERY_S, MAX_ROWS, Row, columns_of, every_s, halved, header, line, parse
from trainer.filestate import FileState, file_state
from trainer.rundir import RunDir, write_text
from trainer.runfile import RunFile

MAX_BYTES = 1024 * 1024
"""Ten times what we write, because the run's program may have written more."""


def read_rows(file: RunFile) -> list[Row]:
    """Read the valid rows. Raises OSError."""
    return parse(_read(file))


class UsageFile:
    """The file as its writer left it. It is read again after an error, or when something else has changed it."""

    def __init__(self, run: RunDir) -> None:
        self._file = run.file(run.usage)
        self._rows: list[Row] = []
        self._columns: list[str] = []
        self._left: FileState | None = None
        self.every_s = EVERY_S
        """How many seconds the next row should cover."""
        self._read()

    def append(self, row: Row) -> None:
        """Append a row, and halve the file if it has too many. An OSError leaves the file readable."""
        if self._left is None or file_state(self._file.path) != self._left:
            self._read()
        rows, is_right = [*self._rows, row], self._columns == columns_of([*self._rows, row])
        while len(rows) > MAX_ROWS:
            rows, is_right, self.every_s = halved(rows), False, 2 * self.every_s
        self._left, columns = None, columns_of(rows)
        if is_right:
            self._add(line(row, columns))
        else:
            write_text(self._file.path, _text(rows, columns))
        self._rows, self._columns, self._left = rows, columns, file_state(self._file.path)

    def _read(self) -> None:
        """Read the file. If it is missing or needs repair, set no columns, so that the next row rewrites it."""
        self._left = file_state(self._file.path)
        try:
            text = _read(self._file)
        except OSError:
            text = ""
        self._rows = parse(text)
        self.every_s = every_s(self._rows)
        columns = columns_of(self._rows)
        self._columns = columns if text == _text(self._rows, columns) else []

    def _add(self, text: str) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with open(os.open(self._file.path, flags), "ab") as file:
            file.write(text.encode())


def _read(file: RunFile) -> str:
    with file.open() as opened:
        return opened.read(MAX_BYTES).decode(errors="replace")


def _text(rows: list[Row], columns: list[str]) -> str:
    return header(columns) + "".join(line(row, columns) for row in rows)
