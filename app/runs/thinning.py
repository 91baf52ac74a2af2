"""Fewer rows of a metrics table for a chart: min-max aware LTTB that stays as it is while the table grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from app.runs.metrics import COUNTERS
from app.runs.table import Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.int64]
    Values = NDArray[np.float64]

PER_POINT = 4
"""Candidates of which LTTB takes one, and stretches of which the extremes stay in any case."""


def choose(table: Table, since_row: int, columns: Sequence[int], max_points: int) -> list[int]:
    """Choose at most `max_points` of the rows from `since_row` such that no column (by index) loses its peaks.

    Rows fall into stretches of 2, 4, 8 ... rows from the table's first on. Each one's least and greatest finite value
    of each column are candidates; of four in a row LTTB (Largest Triangle Three Buckets) takes one. Those of each four
    stretches stay in any case, and so do the first row there that is not finite, the first row and the last.

    As stretches begin at fixed rows, new rows change only what is chosen at the very end, until there are too many and
    the stretches double. Raises as Table.stretches.
    """
    first, last = since_row, table.num_rows - 1
    if last - first < max_points:
        return list(range(first, last + 1))
    metrics = [i for i in columns if table.columns[i] not in COUNTERS]
    size = 1
    while _bound(first, last, size) > max_points and size <= last:
        size *= 2
    found = _look_through(table, since_row, metrics, size)
    while sum(column.bound(first, last, size) for column in found) + 2 > max_points and size <= last:
        size *= 2
    chosen = sorted({first, last}.union(*(column.chosen(size) for column in found)))
    if len(chosen) > max_points:  # Fewer points asked for than there are columns to keep peaks of.
        chosen = [chosen[i * (len(chosen) - 1) // (max_points - 1)] for i in range(max_points)]
    return chosen


def _bound(first: int, last: int, size: int) -> int:
    """How many rows are chosen at most for one column. Grows with `last`, so that stretches only ever get longer."""
    num_stretches = last // size - first // size + 1
    return num_stretches + 2 + 2 * PER_POINT


@dataclass
class _Column:
    """What may be chosen for a column: in parts, as they were found."""

    rows: list[Rows] = field(default_factory=list)
    values: list[Values] = field(default_factory=list)
    spoilt: dict[int, int] = field(default_factory=dict)
    """By stretch the first row that is not finite."""
    num_values: int = 0

    def bound(self, first: int, last: int, size: int) -> int:
        num_spoilt = len(self._spoilt(size))
        return min(self.num_values, _bound(first, last, size)) + num_spoilt

    def chosen(self, size: int) -> set[int]:
        import numpy as np

        if not self.rows:
            return set(self._spoilt(size))
        rows, values = _extremes(np.concatenate(self.rows), np.concatenate(self.values), size)
        peaks, _ = _extremes(rows, values, PER_POINT * size)
        return {*_lttb(rows, values).tolist(), *peaks.tolist(), *self._spoilt(size)}

    def _spoilt(self, size: int) -> list[int]:
        first = {row // (PER_POINT * size): row for row in sorted(self.spoilt.values(), reverse=True)}
        return list(first.values())


def _look_through(table: Table, since_row: int, columns: Sequence[int], size: int) -> list[_Column]:
    """Go through the rows once, keeping of each stretch only what may be chosen."""
    import numpy as np  # Here, because an idle server should not carry it.

    found = [_Column() for _ in columns]
    for start, stretch in table.stretches(since_row):
        rows = np.arange(start, start + len(stretch))
        not_finite = stretch.non_finite(columns)
        for column, i in zip(found, columns):
            values = np.array(stretch.values(i), dtype=np.float64)
            usual = np.flatnonzero(np.isfinite(values))
            column.num_values += len(usual)
            kept, their_values = _extremes(rows[usual], values[usual], size)
            column.rows.append(kept)
            column.values.append(their_values)
            for place in sorted(chain(*not_finite.get(table.columns[i], {}).values())):
                column.spoilt.setdefault((start + place) // size, start + place)
    return found


def _extremes(rows: Rows, values: Values, size: int) -> tuple[Rows, Values]:
    """Of each stretch of `size` rows the one with the least value and the one with the greatest."""
    import numpy as np

    stretches = rows // size
    order = np.lexsort((values, stretches))
    is_first = np.diff(stretches, prepend=-1) != 0
    is_last = np.diff(stretches, append=-1) != 0
    kept = np.unique(order[is_first | is_last])
    return rows[kept], values[kept]


def _lttb(rows: Rows, values: Values) -> Rows:
    """One of each four by LTTB, but the first and the last ones all.

    Not MinMaxLTTBDownsampler in one: it divides what there is into equal parts, which all move with each new row. LTTB
    over a number that is divided by four without a rest goes on choosing what it chose.
    """
    import numpy as np
    from tsdownsample import LTTBDownsampler

    num_points = (len(rows) - 2) // PER_POINT
    if num_points < 1:
        return rows
    end = num_points * PER_POINT + 2
    chosen = LTTBDownsampler().downsample(  # type: ignore[no-untyped-call]
        rows[:end].astype(np.float64), values[:end], n_out=num_points + 2
    )
    return np.concatenate((rows[chosen], rows[end:]))
