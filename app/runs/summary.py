"""Totals, best and final values of a metrics table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.runs.metrics import COUNTERS, finite_values, is_better_lower
from app.runs.table import Table


@dataclass
class Summary:
    """Of each metric the best and the last value, and the epochs trained. NaN and infinities do not compete."""

    best: dict[str, float] = field(default_factory=dict)
    final: dict[str, float] = field(default_factory=dict)
    epochs: set[float] = field(default_factory=set)


def summarise(table: Table) -> Summary:
    """Sum up a table. Raises as Table.stretches."""
    summary, epoch = Summary(), table.columns.index("epoch") if "epoch" in table.columns else None
    metrics = [(i, column) for i, column in enumerate(table.columns) if column not in COUNTERS]
    for _, stretch in table.stretches():
        epochs = stretch.values(epoch) if epoch is not None else []
        for i, name in metrics:
            values = stretch.values(i)
            if usual := finite_values(values):
                _compete(summary.best, name, min(usual) if is_better_lower(name) else max(usual))
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
        "available_columns": table.columns,
    }


def _compete(best: dict[str, float], name: str, value: float) -> None:
    known = best.setdefault(name, float(value))
    best[name] = float(min(known, value) if is_better_lower(name) else max(known, value))
