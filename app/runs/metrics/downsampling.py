"""Select fewer rows of a metrics table for a chart, without losing a peak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from app.runs.metrics.table import Table
from trainer.experiment.logpattern import COUNTERS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.int64]
    Values = NDArray[np.float64]

MAX_PARTS = 64
"""Results of so many chunks are combined at once, so that memory is bounded."""
NO_ROW = 2**62


def choose(table: Table, since_row: int, columns: Sequence[int], max_points: int) -> list[int]:
    """Choose at most `max_points` of the rows from `since_row` such that no column (by index) loses its peaks.

    The table's rows fall into buckets of 2, 4, 8 ... rows. In each bucket every column keeps the rows with its lowest
    and its highest finite value, and the first row with a value that is not finite. The first and the last row stay
    too, and the last row with a value of each column. Buckets begin at fixed rows, so new rows change only the choice
    at the end, until the choice is too large and the buckets double. Raises as Table.chunks.
    """
    first, last = since_row, table.num_rows - 1
    if last - first < max_points:
        return list(range(first, last + 1))
    metrics = [i for i in columns if table.columns[i] not in COUNTERS]
    size = 2
    while last // size - first // size >= max_points:
        size *= 2
    choice = _scan(table, since_row, metrics, size)
    while len(chosen := sorted({first, last} | choice.rows())) > max_points and choice.size <= last:
        choice.double()
    if len(chosen) > max_points:  # There are more columns with peaks than points.
        chosen = [chosen[i * (len(chosen) - 1) // (max_points - 1)] for i in range(max_points)]
    return chosen


@dataclass
class _Lows:
    """The lowest finite value of each column in each bucket, and its row. `buckets` are sorted."""

    buckets: Rows
    values: Values
    rows: Rows

    def combined(self) -> _Lows:
        """Merge the entries of the same bucket."""
        import numpy as np

        if not len(self.buckets):
            return self
        starts = np.flatnonzero(np.diff(self.buckets, prepend=-1))
        least = np.fmin.reduceat(self.values, starts, axis=0)
        is_least = self.values == np.repeat(least, np.diff(starts, append=len(self.buckets)), axis=0)
        rows = np.minimum.reduceat(np.where(is_least, self.rows, NO_ROW), starts, axis=0)
        return _Lows(self.buckets[starts], least, rows)


def _joined(parts: Sequence[_Lows]) -> _Lows:
    import numpy as np

    names = ("buckets", "values", "rows")
    return _Lows(*(np.concatenate([getattr(part, name) for part in parts]) for name in names)).combined()


@dataclass
class _Choice:
    """The choice in each bucket of `size` rows. `highs` are the lows of the negated values."""

    size: int
    lows: list[_Lows] = field(default_factory=list)
    highs: list[_Lows] = field(default_factory=list)
    not_finite: dict[tuple[str, int], int] = field(default_factory=dict)
    """The first row with such a value, by column and bucket."""
    last: dict[int, int] = field(default_factory=dict)
    """The last row with a value, by column (its index among the columns to keep peaks of)."""

    def add(self, rows: Rows, values: Values) -> None:
        buckets, at = rows // self.size, rows[:, None]
        for parts, signed in ((self.lows, values), (self.highs, -values)):
            parts.append(_Lows(buckets, signed, at).combined())
            if len(parts) > MAX_PARTS:
                parts[:] = [_joined(parts)]

    def double(self) -> None:
        self.size *= 2
        for parts in (self.lows, self.highs):
            parts[:] = [_joined([_Lows(part.buckets // 2, part.values, part.rows) for part in parts])]
        first: dict[tuple[str, int], int] = {}
        for (column, bucket), row in self.not_finite.items():
            first[column, bucket // 2] = min(row, first.get((column, bucket // 2), row))
        self.not_finite = first

    def rows(self) -> set[int]:
        import numpy as np

        parts = [_joined(parts).rows.ravel() for parts in (self.lows, self.highs) if parts]
        return {
            *chain.from_iterable(np.unique(part).tolist() for part in parts),
            *self.not_finite.values(),
            *self.last.values(),
        } - {NO_ROW}


def _scan(table: Table, since_row: int, columns: Sequence[int], size: int) -> _Choice:
    """Scan the rows once."""
    import numpy as np  # Here, because an idle server needs no numpy.

    choice = _Choice(size)
    places = {table.columns[column]: place for place, column in enumerate(columns)}
    for start, chunk in table.chunks(since_row) if columns else ():
        values = np.array(chunk.rows, dtype=np.float64)[:, columns]
        has_value = np.isfinite(values)
        choice.add(np.arange(start, start + len(chunk)), np.where(has_value, values, np.nan))
        for column, kinds in chunk.non_finite(columns).items():
            for row in sorted(chain(*kinds.values())):
                choice.not_finite.setdefault((column, (start + row) // size), start + row)
                has_value[row, places[column]] = True
        last = start + len(chunk) - 1 - np.argmax(has_value[::-1], axis=0)
        choice.last |= {place: int(last[place]) for place in np.flatnonzero(has_value.any(axis=0)).tolist()}
    return choice
