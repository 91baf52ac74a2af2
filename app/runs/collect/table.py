"""scraped.csv: the rows collected from a run's sources, each exactly once, even if the collector is killed."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from app.runs.collect.source import Row, Value
from app.runs.metrics.header import MAX_COLUMNS, MAX_HEADER_BYTES, read_header
from trainer.rundir import replacing
from trainer.runfile import MAX_JSON_BYTES, RunFile

State = dict[str, Any]
"""A JSON object."""

COPY_BYTES = 1024 * 1024
MAX_NAME_CHARS = 200
MAX_TEXT_CHARS = 100
"""Text in a metrics table is never read. It only shows that the column has text."""

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029";]+')
"""Line ends and other control characters, quotes, and the semicolon, which may be mistaken for the delimiter."""


@dataclass(frozen=True)
class _Version:
    """The table at one length, and the state stored with its rows."""

    length: int
    state: State


class ScrapedTable:
    """scraped.csv, and scraped.json with the state of its caller, who holds the lock of the table.

    Each change first writes scraped.json, with the versions before and after, and then changes scraped.csv. The length
    of scraped.csv tells which of the two versions it is. So the next collector can continue after one that was killed
    or met a full disk. A table of any other length, after a power cut or a manual change, is rebuilt from the sources.

    New columns need a wider header. Then a new file replaces the old one, with blank cells in the old rows. A reader
    knows that from Lightning: the same rows and more columns. All methods raise OSError, and so does the constructor,
    because it removes the rows of an incomplete change.
    """

    def __init__(self, csv_file: Path, json_file: Path) -> None:
        self._csv = csv_file
        self._json = json_file
        self._length = _length(csv_file)
        self._columns: list[str] = []
        self.state: State = {}
        """The state stored with the rows that the table has. `{}` without rows."""
        self._is_to_replace = True
        self._recover()

    @property
    def is_full(self) -> bool:
        """Whether the header has no room for more columns."""
        return _is_full(len(self._columns), _header_bytes(self._columns))

    def begin_again(self, state: State) -> None:
        """Drop all rows. The file itself changes at the next `append`."""
        self._columns, self.state, self._is_to_replace = [], state, True

    def append(self, rows: Sequence[Row], state: State) -> None:
        """Append rows and store a state with them. After an OSError, neither has happened."""
        names = {name: _clean(name, MAX_NAME_CHARS) for name in dict.fromkeys(name for row in rows for name in row)}
        if any(name != cleaned for name, cleaned in names.items()):
            rows = [{names[name]: value for name, value in row.items()} for row in rows]
        columns = self._wider(names.values())
        text = _lines([row.get(name) for name in columns] for row in rows)
        if columns != self._columns or (self._is_to_replace and self._length):
            self._replace(columns, text, state)
        elif text or state != self.state:
            self._append(text, state)

    def _recover(self) -> None:
        """Determine which version the table is."""
        content = RunFile.alone(self._json).read_json() or {}
        try:
            version = _current(_Version(**content["before"]), _Version(**content["after"]), self._length)
        except (KeyError, TypeError):
            return
        if version is None:
            return
        if self._length > version.length:
            with _open(self._csv, os.O_WRONLY) as file:
                file.truncate(version.length)
        self._length, self.state, self._is_to_replace = version.length, version.state, False
        if version.length:
            with RunFile.alone(self._csv).open() as opened:
                self._columns = _names(read_header(opened.fileno()))

    def _wider(self, names: Iterable[str]) -> list[str]:
        """Return the columns of the table and new ones, up to a reader's limits."""
        columns, size = dict.fromkeys(self._columns), _header_bytes(self._columns)
        for name in names:
            if name and name not in columns and not _is_full(len(columns), size):
                columns[name] = None
                size += _header_bytes([name])
        return list(columns)

    def _append(self, text: bytes, state: State) -> None:
        length = self._length + len(text)
        self._announce(_Version(length, state))
        if text:
            with _open(self._csv, os.O_WRONLY | os.O_CREAT) as file:
                file.seek(self._length)
                file.write(text)
                file.truncate()
        self._length, self.state, self._is_to_replace = length, state, False

    def _replace(self, columns: list[str], text: bytes, state: State) -> None:
        header = _lines([columns]) if columns else b""
        temporary = self._csv.with_name(f".{self._csv.name}")
        try:
            with suppress(FileNotFoundError):
                temporary.unlink()
            with _open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
                length = self._write(file, header, len(columns), text)
                if length == self._length > 0:
                    # The length must differ from the old file's. Readers ignore the space.
                    file.seek(0)
                    length = self._write(file, header[:-1] + b" \n", len(columns), text)
            self._announce(_Version(length, state))
            os.replace(temporary, self._csv)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            raise
        self._length, self.state, self._is_to_replace = length, state, False
        self._columns = columns

    def _write(self, file: IO[bytes], header: bytes, num_columns: int, text: bytes) -> int:
        """Write the header, the rows of the table with blanks for new columns, and new rows. Return the length."""
        file.write(header)
        if not self._is_to_replace and self._columns:
            end_of_line = b"," * (num_columns - len(self._columns)) + b"\n"
            with RunFile.alone(self._csv).open() as old:
                old.seek(len(read_header(old.fileno())))
                while data := old.read(min(COPY_BYTES, self._length - old.tell())):
                    file.write(data.replace(b"\n", end_of_line))
        file.write(text)
        return file.tell()

    def _announce(self, after: _Version) -> None:
        """Record what the file is about to become. This need not survive a power cut, because the sources do."""
        versions = {"before": vars(_Version(self._length, self.state)), "after": vars(after)}
        content = json.dumps(versions).encode()
        if len(content) > MAX_JSON_BYTES:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(self._json))
        with replacing(self._json, is_flushed=False) as file:
            file.write(content)


def _current(before: _Version, after: _Version, length: int) -> _Version | None:
    """Return the version of a table of this length, which may include a part of the next version."""
    if length == after.length:
        return after
    return before if before.length <= length < after.length else None


def _open(path: Path, flags: int) -> IO[bytes]:
    """Open a regular file for writing. Follows no link, because the program of a run may put one there."""
    return open(os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644), "wb")


def _header_bytes(columns: Iterable[str]) -> int:
    return sum(len(name.encode()) + len('"",') for name in columns)


def _is_full(num_columns: int, header_bytes: int) -> bool:
    return num_columns >= MAX_COLUMNS or header_bytes >= MAX_HEADER_BYTES - 4 * MAX_NAME_CHARS - 16


def _length(path: Path) -> int:
    """Return the length of a file, 0 if there is none. Remove anything but a regular file."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return 0
    if stat.S_ISREG(status.st_mode):
        return status.st_size
    path.unlink()
    return 0


def _lines(rows: Iterable[Sequence[Value | None]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _names(header: bytes) -> list[str]:
    return [name.strip() for name in next(csv.reader([header.decode(errors="replace")]))]


def _cell(value: Any) -> Any:
    return _clean(value, MAX_TEXT_CHARS) if isinstance(value, str) else value


def _clean(text: str, max_chars: int) -> str:
    """Make a text fit for a cell."""
    return _UNSAFE.sub(" ", text[:max_chars]).strip().encode(errors="replace").decode()
