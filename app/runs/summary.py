"""Totals, best and final values of a metrics table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.runs.metrics import COUNTERS, finite_values
from app.runs.table import Table
from trainer.direction import Direction, directions


@dataclass
class Summary:
    """The best and the last value of each metric, and the epochs trained. NaN and infinities do not compete.

    A metric has a best value only where its direction is known.
    """

    directions: dict[str, Direction] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)
    final: dict[str, float] = field(default_factory=dict)
    epochs: set[float] = field(default_factory=set)


def summarise(table: Table) -> Summary:
    """Sum up a table. Raises as Table.stretches."""
    summary = Summary(directions(table.columns))
    epoch = table.columns.index("epoch") if "epoch" in table.columns else None
    metrics = [(i, column) for i, column in enumerate(table.columns) if column not in COUNTERS]
    for _, stretch in table.stretches():
        epochs = stretch.values(epoch) if epoch is not None else []
        for i, name in metrics:
            values = stretch.values(i)
            if usual := finite_values(values):
                _compete(summary, name, usual)
                summary.final[name] = float(usual[-1])
            # Lightning logs the test after the last epoch under the number of the next one, which was never trained.
            if not name.startswith("test"):
                logged = (when for when, value in zip(epochs, values) if value is not None)
                summary.epochs.update(finite_values(logged))
    return summary


def describe(table: Table) -> dict[str, Any]:
    """The summary as REST tells it. Raises as Table.stretches."""
    summary = summarise(table)
    return {
        "total_epochs": len(summary.epochs),
        "total_steps": table.maxima.get("step", 0),
        "best_metrics": {f"best_{name}": summary.best[name] for name in table.columns if name in summary.best},
        "final_metrics": {name: summary.final[name] for name in table.columns if name in summary.final},
        "directions": summary.directions,
        "available_columns": table.columns,
    }


def _compete(summary: Summary, name: str, values: list[float | int]) -> None:
    """Let the values compete with the best so far."""
    if (direction := summary.directions.get(name)) is not None:
        choose = min if direction == "lower" else max
        summary.best[name] = float(choose([*values, *([summary.best[name]] if name in summary.best else [])]))
