"""Rows from a CSV that shares the table with other sources."""

from __future__ import annotations

import csv
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.runs.collect.lines import REWRITE_S, Lines, read_lines
from app.runs.collect.source import Position, Reading, Restarted, Row
from app.runs.metrics.chunk import Chunk
from app.runs.metrics.header import Header
from trainer.runfile import RunFile

_TEXT = "text"
"""Replaces any text in a cell, because the text itself is never read."""


@dataclass(frozen=True)
class CsvRows:
    """A CSV with any delimiter. The rules for its rows are those of a CSV that is read in place.

    Lightning rewrites its file with a wider header when a new metric appears. So a file that changed before the
    position is read from its start. If it still has the known columns and the first and last known row, only the rows
    after them are new. Otherwise the program restarted it.
    """

    name: str
    file: RunFile

    def read_new(self, position: Position, is_final: bool) -> Reading:
        try:
            read = read_lines(self.file, position.get("lines", {}), is_final)
        except Restarted:
            if not position.get("num_rows"):
                raise
            position = _to_read_again(position)
            read = read_lines(self.file, {}, is_final)
        try:
            return self._reading(position, read, is_final)
        except (ValueError, csv.Error) as error:
            return Reading([], position, True, f"cannot be read: {error}")

    def _reading(self, position: Position, read: Lines, is_final: bool) -> Reading:
        lines = [line for line in read.lines if line.strip()]
        if "header" not in position and lines:
            position = position | {"header": _text(lines.pop(0))}
        if "header" not in position:
            return Reading([], position, read.is_whole)
        header = Header.parse(position["header"].encode(errors="surrogateescape"))
        chunk = Chunk(header, lines)
        new = _Progress(position, header.columns)
        rows = [row for row in map(new.take, _rows(chunk)) if row]
        is_late = is_final or time.time() - position.get("read_again_at", 0) > REWRITE_S
        if new.num_rows < new.num_known and read.is_whole and is_late:
            raise Restarted  # The file has fewer rows than were read, and is not being rewritten.
        num_skipped = position.get("num_skipped", 0) + len(chunk.problems)
        first = position.get("first_skipped") or (chunk.problems[0].reason if chunk.problems else None)
        position = position | new.position() | {"lines": read.position, "num_skipped": num_skipped}
        problem = f"skipped rows: {num_skipped:,}, the first {first}" if num_skipped else None
        is_whole = read.is_whole and new.num_rows >= new.num_known
        return Reading(rows, position | {"first_skipped": first}, is_whole, problem)


class _Progress:
    """Counts the rows of a file that may be read again. `num_known` rows were read before."""

    def __init__(self, position: Position, columns: Sequence[str]) -> None:
        self.num_rows: int = position.get("num_rows", 0)
        self.num_known: int = position.get("num_known", 0)
        self._columns = columns
        self._known: dict[str, Any] = position.get("known", {})
        self._first: str | None = position.get("first")
        self._last: str | None = position.get("last")
        if not set(self._known.get("columns", ())) <= set(columns):
            raise Restarted

    def take(self, row: Row) -> Row | None:
        """Count a row and return it if it is new. Raises Restarted if it differs from the row read before."""
        self.num_rows += 1
        digest = _digest(row, self._columns)
        self._first, self._last = self._first or digest, digest
        if self.num_rows > self.num_known:
            return row
        expected = {1: self._known["first"], self.num_known: self._known["last"]}.get(self.num_rows)
        if expected not in (None, _digest(row, self._known["columns"])):
            raise Restarted
        return None

    def position(self) -> Position:
        return {"num_rows": self.num_rows, "first": self._first, "last": self._last}


def _to_read_again(position: Position) -> Position:
    """Return a position at the start of a file that records what was already read."""
    if position["num_rows"] < position.get("num_known", 0):
        return {name: position[name] for name in ("num_known", "known", "read_again_at")}
    header = Header.parse(position["header"].encode(errors="surrogateescape"))
    known = {"columns": header.columns, "first": position["first"], "last": position["last"]}
    return {"num_known": position["num_rows"], "known": known, "read_again_at": time.time()}


def _rows(chunk: Chunk) -> list[Row]:
    names = chunk.header.columns
    texts: dict[int, list[str]] = {}
    for column, rows in chunk.text.items():
        for row in rows:
            texts.setdefault(row, []).append(names[column])
    return [
        {name: value for name, value in zip(names, values) if value is not None}
        | dict.fromkeys(texts.get(i, ()), _TEXT)
        for i, values in enumerate(chunk.rows)
    ]


def _digest(row: Row, columns: Sequence[str]) -> str:
    """Identify a row by its values in some columns."""
    values = repr([float(value) if isinstance(value := row.get(name), int) else value for name in columns])
    return hashlib.sha256(values.encode(errors="surrogateescape")).hexdigest()[:16]


def _text(line: bytes) -> str:
    return line.decode(errors="surrogateescape")
