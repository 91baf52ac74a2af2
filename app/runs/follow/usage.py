"""The history of the machine's usage in the last ten minutes, for clients that connect later."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from app.runs.follow.supervisor import MEASURE_EVERY_S
from app.runs.store.run import Run
from app.runs.usage.rows import OF_GPU

MAX_SAMPLES = 600
OF_MACHINE = ("cpu_percent", "memory_used_mb", "disk_free_mb", "prewarm_memory_mb")


class UsageHistory:
    """The last measurements. A restarted server starts with an empty history."""

    def __init__(self, measure: Callable[[Sequence[Run]], dict[str, Any]]) -> None:
        self._measure = measure
        self._samples: deque[dict[str, Any]] = deque(maxlen=MAX_SAMPLES)

    def measure(self, active: Sequence[Run]) -> dict[str, Any]:
        """Measure, add the measures to the history, and return them."""
        measures = self._measure(active)
        self._samples.append(measures)
        return measures

    @property
    def latest(self) -> dict[str, Any] | None:
        """The last measures."""
        return self._samples[-1] if self._samples else None

    def describe(self) -> dict[str, Any]:
        """Return a list for each measure, oldest first. Unknown values are None.

        `gpus` are the GPUs of the latest sample.
        """
        samples = list(self._samples)
        gpus = samples[-1]["gpus"] if samples else []
        return {
            "every_s": MEASURE_EVERY_S,
            **{name: [sample[name] for sample in samples] for name in OF_MACHINE},
            "gpus": [
                {"index": gpu["index"], **{name: [_of_gpu(s, i, name) for s in samples] for name in OF_GPU}}
                for i, gpu in enumerate(gpus)
            ],
        }


def _of_gpu(sample: dict[str, Any], position: int, name: str) -> Any:
    gpus = sample["gpus"]
    return gpus[position][name] if position < len(gpus) else None
