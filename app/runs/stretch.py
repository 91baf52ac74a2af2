"""Some rows of a metrics CSV as they are written: told as JSON, or as numbers by column."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from functools import cached_property
from types import NoneType
from typing import cast

import orjson

from app.runs.events import Row
from app.runs.metrics import COUNTERS, NonFinite, finite, finite_values, non_finite, number

_NOT_FINITE = frozenset({b"nan", b"inf", b"-inf"})
_NULLS = dict.fromkeys((b"", *_NOT_FINITE), b"null")
_ALPHABET = b"0123456789.eE+-,naif"
"""Of what Python's numbers consist, with the comma between them."""


class Stretch:
    """Consecutive rows, `lines` being their text without line ends, under a header of `columns`.

    What Python writes for a number is JSON already. So where every cell is such a number, NaN, an infinity or blank, as
    it is in all that Lightning writes, the cells are passed on as they are, and nothing is made of them in between;
    that takes a seventh of the time. A JSON parser is the judge of it, and `is_plain` its verdict.
    """

    def __init__(self, columns: Sequence[str], lines: list[bytes], is_plain: bool | None = None) -> None:
        self._columns = columns
        self._lines = lines
        if is_plain is not None:
            self.is_plain = is_plain

    def __len__(self) -> int:
        return len(self._lines)

    def only(self, rows: Sequence[int]) -> Stretch:
        """Some of the rows, counted from 0."""
        return Stretch(self._columns, [self._lines[row] for row in rows], self.is_plain)

    @cached_property
    def is_plain(self) -> bool:
        width = len(self._columns)
        if self._text.translate(None, _ALPHABET) or {line.count(b",") for line in self._lines} != {width - 1}:
            return False
        try:
            numbers = self._numbers
        except orjson.JSONDecodeError:
            return False
        counters = [i for i, column in enumerate(self._columns) if column in COUNTERS]
        return all({*map(type, numbers[i::width])} <= {int, NoneType} for i in counters)

    def values(self, i: int) -> list[float | int | None]:
        """A column's numbers. None = not logged; NaN and infinities are kept as such. Raises ValueError, csv.Error."""
        if self.is_plain and not self._has_not_finite:
            return self._numbers[i :: len(self._columns)]
        return [row[i] for row in self.rows]

    @cached_property
    def rows(self) -> list[Row]:
        """The numbers by row, as `values`."""
        if self.is_plain and not self._has_not_finite:
            width = len(self._columns)
            return [self._numbers[start : start + width] for start in range(0, len(self._numbers), width)]
        text = b"\n".join(self._lines).decode("utf-8")
        if "\0" in text:
            raise ValueError("it holds NUL bytes")
        rows = [_row(self._columns, cells) for cells in csv.reader(text.split("\n"), strict=True)]
        if len(rows) < len(self._lines):
            raise ValueError("a row is longer than its line")
        return rows

    def maxima(self) -> dict[str, int]:
        """The largest whole number of each counter that has one. Raises as `values`, whatever the columns are."""
        if not self.is_plain:
            assert len(self.rows) == len(self)
        found = {}
        for i, column in enumerate(self._columns):
            if column in COUNTERS and (present := self._present(i)):
                found[column] = int(max(present))
        return found

    def _present(self, i: int) -> list[float | int]:
        """Usually that is the column as it is, which is seen in a tenth of the time that looking at each takes."""
        values = self.values(i)
        if self.is_plain and not self._has_not_finite and None not in values:
            return cast("list[float | int]", values)
        return finite_values(values)

    def encoded(self, chosen: Sequence[int]) -> bytes:
        """The rows as JSON objects with the columns of those indices, `,` before each; empty without rows."""
        names = [self._columns[i] for i in chosen]
        if not self.is_plain:
            told = [{name: finite(row[i]) for name, i in zip(names, chosen)} for row in self.rows]
            return b", " + json.dumps(told)[1:-1].encode() if told else b""
        keys = (json.dumps(name).replace("%", "%%").encode() for name in names)
        template = b",{" + b",".join(key + b":%b" for key in keys) + b"}"
        return (template * len(self)) % tuple(self._cells_of(chosen))

    def non_finite(self, chosen: Sequence[int]) -> NonFinite:
        """In which of the rows, counted from 0, values of those columns are not finite, as metrics.non_finite."""
        if not self.is_plain:
            return non_finite([self._columns[i] for i in chosen], [[row[i] for i in chosen] for row in self.rows])
        found: NonFinite = {}
        for i in chosen if self._has_not_finite else ():
            for row, cell in enumerate(self._cells[i :: len(self._columns)]):
                if cell in _NOT_FINITE:
                    found.setdefault(self._columns[i], {}).setdefault(cell.decode(), []).append(row)
        return found

    @cached_property
    def _text(self) -> bytes:
        return b",".join(self._lines)

    @cached_property
    def _cells(self) -> list[bytes]:
        return self._text.split(b",")

    @cached_property
    def _told(self) -> list[bytes]:
        """Each cell as JSON."""
        if self._has_not_finite:
            return [_NULLS.get(cell, cell) for cell in self._cells]
        return [cell or b"null" for cell in self._cells]

    @cached_property
    def _numbers(self) -> list[float | int | None]:
        """Each cell as a number, None also where it is not finite."""
        numbers: list[float | int | None] = orjson.loads(b"[" + b",".join(self._told) + b"]")
        return numbers

    @cached_property
    def _has_not_finite(self) -> bool:
        return b"n" in self._text

    def _cells_of(self, chosen: Sequence[int]) -> list[bytes]:
        width = len(self._columns)
        if list(chosen) == list(range(width)):
            return self._told
        cells = [b""] * (len(self) * len(chosen))
        for place, i in enumerate(chosen):
            cells[place :: len(chosen)] = self._told[i::width]
        return cells


def _row(columns: Sequence[str], cells: list[str]) -> Row:
    if len(cells) > len(columns):
        raise ValueError(f"a row has {len(cells)} cells under a header of {len(columns)}")
    row: Row = [number(column, cell) for column, cell in zip(columns, cells)]
    return row + [None] * (len(columns) - len(row))
