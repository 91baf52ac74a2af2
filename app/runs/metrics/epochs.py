"""Merge the rows of a run into the metrics of each epoch."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from app.runs.metrics.chunk import Chunk, Number
from trainer.experiment.logpattern import COUNTERS

MAX_VALUES = 100_000

Metrics = dict[str, Number | None]


class Epochs:
    """The metrics of each epoch. The last logged value of a metric counts.

    An epoch has several rows: Lightning writes one per log call, the validation's before the training's. The program
    chooses the number of an epoch, so it may be a fraction. To bound memory, only the epochs that changed last are
    kept, with at most 100,000 values. Another epoch that changes again starts empty.
    """

    def __init__(self) -> None:
        self._merged: OrderedDict[Number, Metrics] = OrderedDict()
        self._num_values = 0

    def merge(self, chunk: Chunk) -> list[Number]:
        """Merge rows. Return the epochs that changed, in order."""
        changed = sorted(epoch for epoch, logged in merged(chunk).items() if self._update(epoch, logged))
        while self._num_values > MAX_VALUES and len(self._merged) > len(changed):
            _, forgotten = self._merged.popitem(last=False)
            self._num_values -= len(forgotten)
        return changed

    def of(self, epoch: Number) -> Metrics:
        """Return a copy of an epoch's metrics."""
        return dict(self._merged.get(epoch, {}))

    def behind(self, chunk: Chunk) -> Iterator[dict[str, Any]]:
        """Yield the epochs of some rows, with all that was merged so far."""
        numbers = sorted(set(chunk.finite(chunk.header.columns.index("epoch")))) if _has_epochs(chunk) else []
        logged = {} if all(epoch in self._merged for epoch in numbers) else merged(chunk)
        for epoch in numbers:
            if metrics := self._merged.get(epoch) or logged.get(epoch):
                yield {"epoch": epoch, "metrics": dict(metrics)}

    def _update(self, epoch: Number, logged: Metrics) -> bool:
        known = self._merged.setdefault(epoch, {})
        self._merged.move_to_end(epoch)
        if known == {**known, **logged}:
            return False
        self._num_values -= len(known)
        known |= logged
        self._num_values += len(known)
        return True


def merged(chunk: Chunk) -> dict[Number, Metrics]:
    """Merge some rows by epoch. None stands for a value that is not finite."""
    found: dict[Number, Metrics] = {}
    if not _has_epochs(chunk):
        return found
    names, place = chunk.header.columns, chunk.header.columns.index("epoch")
    for row in chunk.rows:
        epoch = row[place]
        if epoch is not None and math.isfinite(epoch):
            found.setdefault(epoch, {}).update({n: value for n, value in zip(names, row) if value is not None})
    for metrics in found.values():
        for counter in COUNTERS:
            metrics.pop(counter, None)
    if chunk.non_finite(range(len(names))):
        found = {epoch: {n: _finite(value) for n, value in metrics.items()} for epoch, metrics in found.items()}
    return {epoch: metrics for epoch, metrics in found.items() if metrics}


def _has_epochs(chunk: Chunk) -> bool:
    return "epoch" in chunk.header.columns


def _finite(value: Number | None) -> Number | None:
    return value if value is not None and math.isfinite(value) else None
