"""The rows of usage.csv: their columns, their text, and how rows are merged."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import fmean, median

Row = dict[str, float]
"""The values of one row by column. `time` is when the row ends, in UTC seconds. Unknown values are missing."""

EVERY_S = 2
"""How many seconds a row covers at first."""
MAX_ROWS = 700
"""Merge rows when there are more. A chart on the page is hardly wider."""
TIME = "time"
OF_RUN = ("cpu_percent", "memory_mb")
OF_GPU = ("utilisation_percent", "memory_used_mb", "power_w", "temperature_c")

_PEAKS = ("memory_mb", "memory_used_mb", "temperature_c")
_COLUMN = re.compile(rf"{TIME}|{'|'.join(OF_RUN)}|gpu(\d{{1,4}})_({'|'.join(OF_GPU)})")
_MAX_VALUE = 1e15
"""No measurement is larger, but a file may contain anything."""


def gpu_column(index: int, name: str) -> str:
    return f"gpu{index}_{name}"


def gpu_indices(columns: Iterable[str]) -> list[int]:
    """Return the indices of the GPUs that have a column."""
    found = (_COLUMN.fullmatch(name) for name in columns)
    return sorted({int(match[1]) for match in found if match is not None and match[1] is not None})


def columns_of(rows: Iterable[Row]) -> list[str]:
    """Return the columns of a file with these rows."""
    names = {name for row in rows for name in row}
    of_gpus = (gpu_column(index, name) for index in gpu_indices(names) for name in OF_GPU)
    return [TIME, *OF_RUN, *of_gpus]


def merged(rows: Sequence[Row]) -> Row:
    """Merge consecutive rows into one that ends with the last."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _merged(name, [row[name] for row in rows if name in row]) for name in names}


def halved(rows: Sequence[Row]) -> list[Row]:
    """Merge every two rows into one."""
    return [merged(rows[i : i + 2]) for i in range(0, len(rows), 2)]


def every_s(rows: Sequence[Row]) -> int:
    """Return how many seconds a row covers: EVERY_S, doubled each time the file was halved.

    Take the median, because the service may have been away between rows.
    """
    gaps = [after[TIME] - before[TIME] for before, after in pairwise(rows)]
    typical = median(gaps) if gaps else 0
    return EVERY_S if typical <= EVERY_S else int(EVERY_S * 2 ** round(math.log2(typical / EVERY_S)))


def header(columns: Sequence[str]) -> str:
    return ",".join(columns) + "\n"


def line(row: Row, columns: Sequence[str]) -> str:
    return ",".join(_text(row.get(name)) for name in columns) + "\n"


def parse(text: str) -> list[Row]:
    """Parse the rows of a file, without unknown columns and without invalid lines, such as an unfinished last one."""
    lines = text.split("\n")[:-1]
    columns = lines[0].split(",") if lines else []
    return list(_rows([name if _COLUMN.fullmatch(name) else None for name in columns], lines[1:]))


def _rows(columns: Sequence[str | None], lines: Iterable[str]) -> Iterator[Row]:
    for each in lines:
        cells = each.split(",")
        row = {name: number for name, cell in zip(columns, cells) if name and (number := _number(cell)) is not None}
        if len(cells) == len(columns) and TIME in row:
            yield row


def _merged(name: str, values: Sequence[float]) -> float:
    return max(values) if name == TIME or name.endswith(_PEAKS) else fmean(values)


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.{0 if value >= 100 else 1}f}".removesuffix(".0")


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if abs(value) < _MAX_VALUE else None
