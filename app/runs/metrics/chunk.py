"""Consecutive rows of a metrics CSV, as JSON, as numbers by row, or as numbers by column."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from functools import cached_property
from itertools import compress
from typing import NamedTuple

import orjson

from app.runs.metrics.header import Header
from trainer.experiment.logpattern import COUNTERS

Number = float | int
Row = list[Number | None]
NonFinite = dict[str, dict[str, list[int]]]

MAX_MISSING_CELLS = 100
"""Blank cells that a row may omit at its end. Without a limit a few bytes could stand for thousands of cells."""
MAX_EXACT_INTEGER = 2**53
"""A float does not hold every larger integer, so larger values stay floats."""

_NOT_FINITE = frozenset({b"nan", b"inf", b"-inf"})
_NULLS = dict.fromkeys((b"", *_NOT_FINITE), b"null")
_ALPHABET = b"0123456789.eE+-,naif"
"""The characters of numbers in Python's notation, and the comma between them."""
_ANY_DIGIT = bytes.maketrans(b"123456789", b"000000000")
_TOO_MANY_DIGITS = b"0" * 25
"""Python writes no float with this many digits, and not every client can read an integer of that length."""


class Problem(NamedTuple):
    """Why a line is not a row. `line` is its index among the lines of the chunk."""

    line: int
    reason: str


class Chunk:
    """The rows in consecutive lines below a header. `lines` is the text of the rows without line ends.

    A cell is a number, blank, or text. The numbers have None for blank cells and for text. `text` says which cells are
    text. Lines that are not rows are left out, and `problems` says why.

    Python's notation of a number is valid JSON. So if every cell is a number, NaN, an infinity or blank, as in all
    that Lightning writes, the JSON is made of the cells as they are. That takes a seventh of the time. `is_plain` says
    whether a JSON parser accepts the cells.
    """

    def __init__(self, header: Header, lines: list[bytes], is_plain: bool | None = None) -> None:
        self.header = header
        self.lines = lines
        self.problems: list[Problem] = []
        self.text: dict[int, set[int]] = {}
        """The rows with text, by column."""
        self._has_not_finite = b"n" in self._text
        self.is_plain = self._is_plain() if is_plain is None else is_plain
        if not self.is_plain:
            self._parse()

    def __len__(self) -> int:
        return len(self.lines)

    def only(self, rows: Sequence[int]) -> Chunk:
        """Select some rows by index."""
        return Chunk(self.header, [self.lines[row] for row in rows], self.is_plain)

    def since(self, row: int) -> Chunk:
        """Select the rows from an index on."""
        return self if row <= 0 else Chunk(self.header, self.lines[row:], self.is_plain)

    @cached_property
    def rows(self) -> list[Row]:
        """The numbers by row. None: not logged, or text. NaN and infinities are floats."""
        width = len(self.header.columns) or 1
        return [self._numbers[start : start + width] for start in range(0, len(self) * width, width)]

    def finite_rows(self, columns: Sequence[int]) -> list[Row]:
        """Return the numbers of some columns by row, with None for values that are not finite."""
        rows = self.rows
        if self._has_not_finite:
            rows = [[v if v is None or math.isfinite(v) else None for v in row] for row in rows]
        return rows if len(columns) == len(self.header.columns) else [[row[i] for i in columns] for row in rows]

    def values(self, column: int) -> Row:
        """Return the numbers of a column by its index."""
        return self._numbers[column :: len(self.header.columns)]

    def finite(self, column: int) -> list[Number]:
        """Return the finite numbers of a column by its index."""
        values = self.values(column)
        if None in values or self._has_not_finite:
            return [value for value in values if value is not None and math.isfinite(value)]
        return values  # type: ignore[return-value]  # The usual case, in a tenth of the time.

    def named(self, row: int) -> dict[str, Number]:
        """Return the finite numbers of a row by column name."""
        columns = self.header.columns
        found = zip(columns, self._numbers[row * len(columns) : (row + 1) * len(columns)])
        return {name: value for name, value in found if value is not None and math.isfinite(value)}

    def maxima(self) -> dict[str, Number]:
        """Return the greatest value of each counter that has a value."""
        return {name: max(values) for i, name in self.header.counters if (values := self.finite(i))}

    def non_finite(self, columns: Sequence[int]) -> NonFinite:
        """Return the indices of rows with values that are not finite, by column and kind ("nan", "inf", "-inf").

        In JSON these values are null, like values that were not logged. This separates them.
        """
        found: NonFinite = {}
        for i in columns if self._has_not_finite else ():
            for row, value in enumerate(self.values(i)):
                if value is not None and not math.isfinite(value):
                    found.setdefault(self.header.columns[i], {}).setdefault(str(value), []).append(row)
        return found

    def encoded(self, columns: Sequence[int]) -> bytes:
        """Encode some columns as JSON objects, each after a `,`. An object has no key for a cell with text."""
        names = [self.header.columns[i] for i in columns]
        if not self.is_plain:
            chosen = (
                [(name, i) for name, i in zip(names, columns) if row not in self.text.get(i, ())]
                for row in range(len(self))
            )
            rows = [{name: values[i] for name, i in present} for values, present in zip(self.rows, chosen)]
            return (
                b"," + orjson.dumps(rows)[1:-1] if rows else b""
            )  # orjson writes null for values that are not finite.
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
                self.problems.append(Problem(place, _as_header(cells, self.header) or reason))
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
        """All cells as JSON."""
        if self._has_not_finite:
            return [_NULLS.get(cell, cell) for cell in self._cells]
        return [cell or b"null" for cell in self._cells]

    @cached_property
    def _numbers(self) -> Row:
        """All cells as numbers, row by row."""
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
    """Split a line into cells. Invalid quotes count as ordinary characters."""
    text = line.decode("utf-8", errors="replace")
    if '"' in text:
        try:
            return next(csv.reader([text], delimiter=header.delimiter, skipinitialspace=True, strict=True))
        except csv.Error:
            pass
    return text.split(header.delimiter)


def _read(cells: list[str], header: Header) -> tuple[Row, list[int]]:
    """Return the numbers of a row, with None for missing cells at its end, and the indices of cells with text."""
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
    """Parse a cell. An integer is an int in any notation, such as 1.0. Raises ValueError for text."""
    value = float(cell.replace(",", ".") if has_decimal_comma else cell)
    return int(value) if value.is_integer() and abs(value) < MAX_EXACT_INTEGER else value


def _problem_of_length(line: bytes, cells: list[str], header: Header) -> str | None:
    """Say why a line is not a row, or None. This and the next function detect torn and mixed lines."""
    columns = header.columns
    if b"\0" in line:
        return "contains NUL bytes"
    has_too_many = any(cell.strip() for cell in cells[len(columns) :])
    if has_too_many or len(cells) < len(columns) - MAX_MISSING_CELLS:
        return f"has {len(cells)} cells under a header of {len(columns)}"
    return None


def _problem_of_text(cells: list[str], text: list[int], header: Header) -> str | None:
    for i in text:
        if header.columns[i] in COUNTERS:
            return f"has text for its {header.columns[i]}: {cells[i][:40]!r}"
    if text and len(text) == sum(bool(cell.strip()) for cell in cells):
        return "contains no number"
    return None


def _as_header(cells: list[str], header: Header) -> str | None:
    """Describe a line that is a header. None if it is not: it shares fewer than two names with the first header.

    The time grows with the line, not with the header: a file of short lines may have a header of thousands of columns.
    """
    names = [cell.strip().lower() for cell in cells]
    shared = header.words.intersection(names)
    has_same_width = len(names) == len(header.columns)
    if shared and has_same_width and all(name == column.lower() for name, column in zip(names, header.columns)):
        return "repeats the header"
    if len(shared) < 2:
        return None
    return "is another header, but the rows below it are read under the first"
