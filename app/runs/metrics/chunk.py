"""Consecutive rows of a metrics CSV: as JSON, as numbers by row, or as numbers by column."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from functools import cached_property
from itertools import compress
from typing import NamedTuple

import orjson

from app.runs.metrics.header import COUNTERS, Header

Number = float | int
Row = list[Number | None]
NonFinite = dict[str, dict[str, list[int]]]

MAX_MISSING_CELLS = 100
"""A row may leave out so many blanks at its end. Else a few bytes would stand for thousands of cells."""
MAX_WHOLE = 2**53
"""From here on a float does not hold every whole number, so it is left as one."""

_NOT_FINITE = frozenset({b"nan", b"inf", b"-inf"})
_NULLS = dict.fromkeys((b"", *_NOT_FINITE), b"null")
_ALPHABET = b"0123456789.eE+-,naif"
"""The characters of numbers as Python writes them, and the comma between them."""
_ANY_DIGIT = bytes.maketrans(b"123456789", b"000000000")
_TOO_MANY_DIGITS = b"0" * 25
"""More than any float has as Python writes it. Not every client reads a whole number of that many."""


class Problem(NamedTuple):
    """Why a line is no row. `line` is its place among the chunk's lines, from 0."""

    line: int
    reason: str


class Chunk:
    """The rows in consecutive lines below a header. `lines` are the rows' text without line ends.

    A cell is a number, None for a blank one, or text. Text is None among the numbers, and `text` tells where it is.
    A line that is no row is left out, and `problems` tells why.

    What Python writes for a number is JSON already. So where every cell is such a number, NaN, an infinity or blank,
    as in everything that Lightning writes, the cells are passed on as they are. That takes a seventh of the time.
    A JSON parser decides, and `is_plain` is its verdict.
    """

    def __init__(self, header: Header, lines: list[bytes], is_plain: bool | None = None) -> None:
        self.header = header
        self.lines = lines
        self.problems: list[Problem] = []
        self.text: dict[int, set[int]] = {}
        """By column the rows that have text there."""
        self._has_not_finite = b"n" in self._text
        self.is_plain = self._is_plain() if is_plain is None else is_plain
        if not self.is_plain:
            self._parse()

    def __len__(self) -> int:
        return len(self.lines)

    def only(self, rows: Sequence[int]) -> Chunk:
        """Some of the rows, counted from 0."""
        return Chunk(self.header, [self.lines[row] for row in rows], self.is_plain)

    def since(self, row: int) -> Chunk:
        """The rows from one on, counted from 0."""
        return self if row <= 0 else Chunk(self.header, self.lines[row:], self.is_plain)

    @cached_property
    def rows(self) -> list[Row]:
        """The numbers by row. None = not logged, or text. NaN and infinities are floats."""
        width = len(self.header.columns) or 1
        return [self._numbers[start : start + width] for start in range(0, len(self) * width, width)]

    def finite_rows(self, columns: Sequence[int]) -> list[Row]:
        """The numbers of those columns by row, with None for what is not finite."""
        rows = self.rows
        if self._has_not_finite:
            rows = [[v if v is None or math.isfinite(v) else None for v in row] for row in rows]
        return rows if len(columns) == len(self.header.columns) else [[row[i] for i in columns] for row in rows]

    def values(self, column: int) -> Row:
        """The numbers of a column, by its index."""
        return self._numbers[column :: len(self.header.columns)]

    def finite(self, column: int) -> list[Number]:
        """The finite numbers of a column, by its index."""
        values = self.values(column)
        if None in values or self._has_not_finite:
            return [value for value in values if value is not None and math.isfinite(value)]
        return values  # type: ignore[return-value]  # Nearly always, and known in a tenth of the time.

    def named(self, row: int) -> dict[str, Number]:
        """What a row says in finite numbers, by column name."""
        columns = self.header.columns
        found = zip(columns, self._numbers[row * len(columns) : (row + 1) * len(columns)])
        return {name: value for name, value in found if value is not None and math.isfinite(value)}

    def maxima(self) -> dict[str, Number]:
        """The greatest value of each counter that has one."""
        return {name: max(values) for i, name in self.header.counters if (values := self.finite(i))}

    def non_finite(self, columns: Sequence[int]) -> NonFinite:
        """Tell by column and kind ("nan", "inf", "-inf") in which rows, counted from 0, a value is not finite.

        JSON has null for those as for what was not logged. This tells them apart.
        """
        found: NonFinite = {}
        for i in columns if self._has_not_finite else ():
            for row, value in enumerate(self.values(i)):
                if value is not None and not math.isfinite(value):
                    found.setdefault(self.header.columns[i], {}).setdefault(str(value), []).append(row)
        return found

    def encoded(self, columns: Sequence[int]) -> bytes:
        """The rows as JSON objects with those columns, `,` before each. An object has no key for a cell with text."""
        names = [self.header.columns[i] for i in columns]
        if not self.is_plain:
            chosen = (
                [(name, i) for name, i in zip(names, columns) if row not in self.text.get(i, ())]
                for row in range(len(self))
            )
            rows = [{name: values[i] for name, i in present} for values, present in zip(self.rows, chosen)]
            return b"," + orjson.dumps(rows)[1:-1] if rows else b""  # It writes null for what is not finite.
        keys = (json.dumps(name).replace("%", "%%").encode() for name in names)
        template = b",{" + b",".join(key + b":%b" for key in keys) + b"}"
        return (template * len(self)) % tuple(self._cells_of(columns))

    def _is_plain(self) -> bool:
        width = len(self.header.columns)
        if self._text.translate(None, _ALPHABET) or {line.count(b",") for line in self.lines} != {width - 1}:
            return False
        if self.header.delimiter != "," or _TOO_MANY_DIGITS in self._text.translate(_ANY_DIGIT):
            return False
        try:
            return len(self._numbers) == len(self) * width
        except orjson.JSONDecodeError:
            return False

    def _parse(self) -> None:
        lines: list[bytes] = []
        numbers: Row = []
        for place, line in enumerate(self.lines):
            cells = _split(line, self.header)
            reason = _problem_of_length(line, cells, self.header)
            row, text = _read(cells, self.header) if reason is None else ([], [])
            if reason is not None or (reason := _problem_of_text(cells, text, self.header)) is not None:
                self.problems.append(Problem(place, reason))
                continue
            for column in text:
                self.text.setdefault(column, set()).add(len(lines))
            lines.append(line)
            numbers += row
        self.lines = lines
        self._numbers = numbers
        self._has_not_finite = any(value is not None and not math.isfinite(value) for value in numbers)

    @cached_property
    def _text(self) -> bytes:
        return b",".join(self.lines)

    @cached_property
    def _cells(self) -> list[bytes]:
        return self._text.split(b",") if self.lines else []

    @cached_property
    def _json(self) -> list[bytes]:
        """Each cell as JSON."""
        if self._has_not_finite:
            return [_NULLS.get(cell, cell) for cell in self._cells]
        return [cell or b"null" for cell in self._cells]

    @cached_property
    def _numbers(self) -> Row:
        """Each cell, row by row."""
        numbers: Row = orjson.loads(b"[" + b",".join(self._json) + b"]")
        if self._has_not_finite:
            for place in compress(range(len(numbers)), map(_NOT_FINITE.__contains__, self._cells)):
                numbers[place] = float(self._cells[place])
        return numbers

    def _cells_of(self, columns: Sequence[int]) -> list[bytes]:
        width = len(self.header.columns)
        if list(columns) == list(range(width)):
            return self._json
        cells = [b""] * (len(self) * len(columns))
        for place, i in enumerate(columns):
            cells[place :: len(columns)] = self._json[i::width]
        return cells


def _split(line: bytes, header: Header) -> list[str]:
    """The cells of a line. Where its quotes make no sense they are characters like others."""
    text = line.decode("utf-8", errors="replace")
    if '"' in text:
        try:
            return next(csv.reader([text], delimiter=header.delimiter, skipinitialspace=True, strict=True))
        except csv.Error:
            pass
    return text.split(header.delimiter)


def _read(cells: list[str], header: Header) -> tuple[Row, list[int]]:
    """The numbers of a row, None for each blank at its end too, and which of its cells are text."""
    width = len(header.columns)
    row: Row = [None] * width
    text = []
    for i, cell in enumerate(cells[:width]):
        if cell and not cell.isspace():
            try:
                row[i] = number(cell, header.has_decimal_comma)
            except ValueError:
                text.append(i)
    return row, text


def number(cell: str, has_decimal_comma: bool = False) -> Number:
    """Parse a cell. A whole number is an int however it is written. Raises ValueError for text."""
    value = float(cell.replace(",", ".") if has_decimal_comma else cell)
    return int(value) if value.is_integer() and abs(value) < MAX_WHOLE else value


def _problem_of_length(line: bytes, cells: list[str], header: Header) -> str | None:
    """Why a line is no row, or None. A line that was torn or mixed with another one shows it here or in its text."""
    columns = header.columns
    if b"\0" in line:
        return "holds NUL bytes"
    has_too_many = any(cell.strip() for cell in cells[len(columns) :])
    if has_too_many or len(cells) < len(columns) - MAX_MISSING_CELLS:
        return f"has {len(cells)} cells under a header of {len(columns)}"
    return None


def _problem_of_text(cells: list[str], text: list[int], header: Header) -> str | None:
    for i in text:
        if header.columns[i] in COUNTERS:
            return f"has text for its {header.columns[i]}: {cells[i][:40]!r}"
    if text and len(text) == sum(bool(cell.strip()) for cell in cells):
        return "holds no number"
    return None
