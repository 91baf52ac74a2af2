"""What the cells and columns of a metrics CSV mean: numbers, NaN, epochs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from app.runs.events import Row

COUNTERS = ("epoch", "step")
"""Columns that say when, not how good; they hold whole numbers."""


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


def finite_values(values: Iterable[float | int | None]) -> list[float | int]:
    """Those that were logged and are neither NaN nor infinite."""
    return [value for value in values if value is not None and -math.inf < value < math.inf]


NonFinite = dict[str, dict[str, list[int]]]


def non_finite(columns: list[str], rows: Sequence[Row]) -> NonFinite:
    """Tell by column and kind ("nan", "inf", "-inf") in which of the rows, counted from 0, a value is not finite.

    For those JSON's null stands as it does for what was not logged; this tells them apart. Empty when all is well.
    """
    found: NonFinite = {}
    for column, values in zip(columns, zip(*rows)):
        if all(map(math.isfinite, [value for value in values if value is not None])):
            continue
        for index, value in enumerate(values):
            if value is not None and not math.isfinite(value):
                found.setdefault(column, {}).setdefault(str(value), []).append(index)
    return found


def merge_epochs(columns: list[str], rows: Sequence[Row], into: dict[int, dict[str, Any]]) -> set[int]:
    """Merge rows into `into` by epoch, the last value logged winning; return the epochs that changed.

    An epoch is spread over several rows: Lightning writes one per log call, the validation's before the training's.
    """
    changed: set[int] = set()
    if "epoch" not in columns:
        return changed
    epoch_index = columns.index("epoch")
    epochs = [row[epoch_index] for row in rows]
    for i, name in enumerate(columns):
        if name in COUNTERS:
            continue
        last = {epoch: row[i] for epoch, row in zip(epochs, rows) if row[i] is not None}
        for epoch, value in last.items():
            if epoch is None or not math.isfinite(epoch):
                continue
            metrics, logged = into.setdefault(int(epoch), {}), finite(value)
            if name not in metrics or metrics[name] != logged:
                metrics[name] = logged
                changed.add(int(epoch))
    return changed
