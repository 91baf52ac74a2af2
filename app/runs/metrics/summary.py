"""Summarise a metrics table: totals, best and final values."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from app.runs.metrics.chunk import Chunk, Number
from app.runs.metrics.table import Table
from trainer.experiment.direction import Direction
from trainer.experiment.logpattern import COUNTERS


@dataclass
class Summary:
    """The best and the last value of each metric, and the number of epochs. Only finite values count.

    A metric has a best value only if its direction is known.
    """

    directions: dict[str, Direction] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)
    final: dict[str, float] = field(default_factory=dict)
    whole_epochs: set[int] = field(default_factory=set)
    begun_epochs: set[int] = field(default_factory=set)
    """The ends of epochs that the program counts in fractions: 0.5 belongs to the epoch that ends at 1."""

    @property
    def num_epochs(self) -> int:
        """Integers number the epochs, from 0 or from 1. Fractions say how many epochs were trained."""
        if not self.begun_epochs:
            return len(self.whole_epochs)
        return len({epoch for epoch in self.whole_epochs | self.begun_epochs if epoch > 0})


def summarise(table: Table) -> Summary:
    """Summarise a table. Raises as Table.chunks."""
    summary = Summary(table.header.directions)
    epoch = table.columns.index("epoch") if "epoch" in table.columns else None
    metrics = [(i, column) for i, column in enumerate(table.columns) if column not in COUNTERS]
    for _, chunk in table.chunks():
        for i, name in metrics:
            if values := chunk.finite(i):
                _update_best(summary, name, values)
                summary.final[name] = float(values[-1])
        if epoch is not None:
            _count(summary, _trained(chunk, epoch, metrics))
    return summary


def describe(table: Table) -> dict[str, Any]:
    """Return the summary as REST answers it. Raises as Table.chunks."""
    summary = summarise(table)
    return {
        "total_epochs": summary.num_epochs,
        "total_steps": table.maxima.get("step", 0),
        "best_metrics": {f"best_{name}": summary.best[name] for name in table.columns if name in summary.best},
        "final_metrics": {name: summary.final[name] for name in table.columns if name in summary.final},
        "directions": summary.directions,
        "available_columns": table.columns,
        "num_skipped_rows": table.num_skipped,
    }


def _update_best(summary: Summary, name: str, values: list[Number]) -> None:
    """Update the best value."""
    if (direction := summary.directions.get(name)) is not None:
        choose = min if direction == "lower" else max
        summary.best[name] = float(choose([*values, *([summary.best[name]] if name in summary.best else [])]))


def _trained(chunk: Chunk, epoch: int, metrics: list[tuple[int, str]]) -> set[Number]:
    """Return the epochs in which something other than a test was logged.

    Lightning logs the test under the number of the epoch after the last one, which was never trained.
    """
    epochs = set(chunk.finite(epoch))
    tests = [i for i, name in metrics if name.startswith("test")]
    if not tests or not any(chunk.finite(i) for i in tests):
        return epochs
    others = [i for i, name in metrics if not name.startswith("test")]
    logged = {row[epoch] for row in chunk.rows if any(row[i] is not None for i in others)}
    return {each for each in epochs if each in logged}


def _count(summary: Summary, epochs: Iterable[Number]) -> None:
    for epoch in epochs:
        ends = math.ceil(epoch)
        (summary.whole_epochs if ends == epoch else summary.begun_epochs).add(ends)
