"""The metrics of each epoch of a run, merged from its rows."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

from app.runs.chunk import Chunk, Number
from app.runs.header import COUNTERS

MAX_VALUES = 100_000

Metrics = dict[str, Number | None]


class Epochs:
    """What was logged in each epoch, the last value of a metric winning.

    An epoch is spread over several rows: Lightning writes one per log call, the validation's before the training's.
    Its number is the program's own, so it may be a fraction. So that memory is bounded, only the epochs that changed
    last are kept, with 100,000 values at most. Any other one that changes again begins anew.
    """

    def __init__(self) -> None:
        self._merged: OrderedDict[Number, Metrics] = OrderedDict()
        self._num_values = 0

    def merge(self, chunk: Chunk) -> list[Number]:
        """Take rows in. Return the epochs that changed, in order."""
        changed = sorted(epoch for epoch, logged in merged(chunk).items() if self._update(epoch, logged))
        while self._num_values > MAX_VALUES and len(self._merged) > len(changed):
            _, forgotten = self._merged.popitem(last=False)
            self._num_values -= len(forgotten)
        return changed

    def of(self, epoch: Number) -> Metrics:
        """A copy of what is known of an epoch."""
        return dict(self._merged.get(epoch, {}))

    def behind(self, chunk: Chunk) -> Iterator[dict[str, Any]]:
        """The epochs that rows belong to, as the last row that was merged left them."""
        for epoch, logged in sorted(merged(chunk).items()):
            yield {"epoch": epoch, "metrics": logged | self._merged.get(epoch, {})}

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
    """The metrics by epoch in some rows. None stands for what is not finite."""
    found: dict[Number, Metrics] = {}
    if "epoch" not in chunk.header.columns:
        return found
    epochs = chunk.values(chunk.header.columns.index("epoch"))
    for i, name in enumerate(chunk.header.columns):
        if name not in COUNTERS:
            for epoch, value in _last(epochs, chunk.values(i)):
                found.setdefault(epoch, {})[name] = value if math.isfinite(value) else None
    return found


def _last(epochs: Iterable[Number | None], values: Iterable[Number | None]) -> Iterator[tuple[Number, Number]]:
    """The last value that was logged in each epoch."""
    last = {epoch: value for epoch, value in zip(epochs, values) if value is not None}
    return ((epoch, value) for epoch, value in last.items() if epoch is not None and math.isfinite(epoch))
