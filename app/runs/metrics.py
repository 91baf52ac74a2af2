"""The metrics CSV of a run as a table: reading it whole, thinning it, summing it up."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.runs.events import Row
from app.runs.exceptions import MetricsUnreadable

MAX_REWRITES_MET = 20
COUNTERS = ("epoch", "step")
"""Columns that say when, not how good; they hold whole numbers."""


@dataclass(frozen=True)
class MetricsTable:
    """Rows in file order, aligned with `columns`. None = not logged. NaN and infinities are kept as such."""

    columns: list[str]
    rows: list[Row]

    def maximum(self, column: str) -> int | None:
        """The largest whole number in a counter's column; None without any."""
        values = [value for value in self.values(column) if math.isfinite(value)]
        return int(max(values)) if values else None

    def values(self, column: str) -> list[float]:
        """What was logged in a column, in order, blanks left out; empty for an unknown column."""
        if column not in self.columns:
            return []
        index = self.columns.index(column)
        return [value for row in self.rows if (value := row[index]) is not None]


def number(column: str, cell: str) -> float | int | None:
    """Parse one cell: blank or not a number gives None, an epoch or a step a whole number."""
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        return None
    return int(value) if column in COUNTERS and math.isfinite(value) else value


def finite(value: float | int | None) -> float | int | None:
    """JSON has no NaN and no infinity: None stands for them."""
    return value if value is None or math.isfinite(value) else None


NonFinite = dict[str, dict[str, list[int]]]


def non_finite(columns: list[str], rows: Sequence[Row]) -> NonFinite:
    """Tell by column and kind ("nan", "inf", "-inf") in which of the rows, counted from 0, a value is not finite.

    For those JSON's null stands as it does for what was not logged; this tells them apart. Empty when all is well.
    """
    found: NonFinite = {}
    for index, row in enumerate(rows):
        for column, value in zip(columns, row):
            if value is not None and not math.isfinite(value):
                found.setdefault(column, {}).setdefault(str(value), []).append(index)
    return found


def read_table(path: Path) -> MetricsTable:
    """Read a metrics CSV whole; an unfinished last line is left out. Raises MetricsUnreadable."""
    try:
        data = _read_whole(path)
    except OSError as error:
        raise MetricsUnreadable(str(path), error.strerror or str(error)) from error
    try:
        text = data[: data.rfind(b"\n") + 1].decode("utf-8")
        if "\0" in text:
            raise ValueError("it holds NUL bytes")
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        columns = next(lines, [])
        rows = [_row(columns, cells) for cells in lines if cells]
    except (ValueError, csv.Error) as error:
        raise MetricsUnreadable(str(path), str(error)) from error
    if len(set(columns)) < len(columns):
        raise MetricsUnreadable(str(path), "its header names a column twice")
    return MetricsTable(columns, rows)


def _read_whole(path: Path) -> bytes:
    """Read a file that may be rewritten with a wider header meanwhile, all of it under one and the same header."""
    for _ in range(MAX_REWRITES_MET):
        data = path.read_bytes()
        with open(path, "rb") as file:
            header = file.readline()
        if header.endswith(b"\n") and data.startswith(header):
            break
    return data


def _row(columns: list[str], cells: list[str]) -> Row:
    if len(cells) > len(columns):
        raise ValueError(f"a row has {len(cells)} cells under a header of {len(columns)}")
    row: Row = [number(column, cell) for column, cell in zip(columns, cells)]
    return row + [None] * (len(columns) - len(row))


def thin(rows: list[Row], max_points: int) -> list[Row]:
    """Choose at most `max_points` rows such that no column loses its peaks: of each stretch of rows the least and
    the greatest finite value of each column stay, and the first that is not finite; so do the first and last row.
    """
    if len(rows) <= max_points:
        return rows
    width = len(rows[0])
    spoilt = {i for row in rows for i, value in enumerate(row) if value is not None and not math.isfinite(value)}
    num_stretches = max(1, (max_points - 2) // max(1, 2 * width + len(spoilt)))
    keep = {0, len(rows) - 1}
    for stretch in range(num_stretches):
        start, end = stretch * len(rows) // num_stretches, (stretch + 1) * len(rows) // num_stretches
        keep |= _extremes(rows, start, end, width)
    chosen = sorted(keep)
    if len(chosen) > max_points:  # Fewer points asked for than there are columns to keep peaks of.
        chosen = [chosen[i * (len(chosen) - 1) // max(1, max_points - 1)] for i in range(max_points)]
    return [rows[index] for index in chosen]


def _extremes(rows: list[Row], start: int, end: int, width: int) -> set[int]:
    found = set()
    for column in range(width):
        present = [(value, i) for i in range(start, end) if (value := rows[i][column]) is not None]
        usual = [each for each in present if math.isfinite(each[0])]
        if usual:
            found |= {min(usual)[1], max(usual)[1]}
        if len(usual) < len(present):
            found.add(next(i for value, i in present if not math.isfinite(value)))
    return found


def merge_epochs(columns: list[str], rows: Iterable[Row], into: dict[int, dict[str, Any]]) -> set[int]:
    """Merge rows into `into` by epoch, the last value logged winning; return the epochs that changed.

    An epoch is spread over several rows: Lightning writes one per log call, the validation's before the training's.
    """
    changed: set[int] = set()
    if "epoch" not in columns:
        return changed
    epoch_index = columns.index("epoch")
    names = [(i, column) for i, column in enumerate(columns) if column not in COUNTERS]
    for row in rows:
        epoch = row[epoch_index]
        if epoch is None or not math.isfinite(epoch):
            continue
        metrics = into.setdefault(int(epoch), {})
        for i, name in names:
            value = finite(row[i])
            if row[i] is not None and (name not in metrics or metrics[name] != value):
                metrics[name] = value
                changed.add(int(epoch))
    return changed


def is_better_lower(name: str) -> bool:
    """Whether a metric improves by falling, told by its name."""
    return "loss" in name.lower() or "error" in name.lower()


def best_values(table: MetricsTable) -> dict[str, float]:
    """The best value of each metric. NaN and infinities do not compete."""
    finite_values = {
        name: [v for v in table.values(name) if math.isfinite(v)] for name in table.columns if name not in COUNTERS
    }
    return {
        name: min(values) if is_better_lower(name) else max(values) for name, values in finite_values.items() if values
    }


def summarise(table: MetricsTable) -> dict[str, Any]:
    """Sum up a table: totals, the best and the final value of each metric. NaN and infinities do not compete."""
    names = [column for column in table.columns if column not in COUNTERS]
    finite_values = {name: [v for v in table.values(name) if math.isfinite(v)] for name in names}
    epochs: dict[int, dict[str, Any]] = {}
    merge_epochs(table.columns, table.rows, epochs)
    return {
        # Lightning logs the test after the last epoch under the number of the next one, which was never trained.
        "total_epochs": sum(any(not name.startswith("test") for name in metrics) for metrics in epochs.values()),
        "total_steps": table.maximum("step") or 0,
        "best_metrics": {f"best_{name}": value for name, value in best_values(table).items()},
        "final_metrics": {name: values[-1] for name, values in finite_values.items() if values},
        "available_columns": table.columns,
    }
