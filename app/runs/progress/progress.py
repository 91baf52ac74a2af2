"""The progress of a run, from whichever of its files has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app.runs.filestate import Remembered, file_states
from app.runs.metrics.chunk import Number
from app.runs.metrics.counters import last_counters
from app.runs.progress.logprogress import LogProgress
from app.runs.store.run import Run
from trainer.experiment.outputs import MetricsOutput
from trainer.runfile import RunFile
from trainer.runner.verdict import COMPLETED

_FIELDS = ("source", "percent", "eta_s", "scope", "epoch", "max_epochs", "batch", "num_batches", "step", "total_steps")
UNKNOWN_PROGRESS: Mapping[str, Any] = dict.fromkeys(_FIELDS)
"""What followers get when the log no longer shows any progress."""


class RunProgress:
    """How far one run is.

    If the run's program writes a progress.json, as our own trainer does, only that counts. Otherwise the progress comes
    from the bars and epochs in the log, and the last epoch and step of the metrics if the log names none.
    """

    def __init__(self, find_metrics: Callable[[Run], RunFile | None]) -> None:
        self._find_metrics = find_metrics
        self._declared: MetricsOutput | None = None
        """What the experiment declares, once run.json is there. None for our own trainer."""
        self._log = LogProgress()
        self._counters = Remembered[dict[str, Number]]({}, {})

    def read(self, run: Run) -> dict[str, Any] | None:
        """Return the progress with the fields of progress.json, `source` and `scope`. None if it is unknown.

        A completed run is at 100%, whatever its program reported last. For another run that has ended, a single bar
        means nothing.
        """
        progress = _of_file(run) or self._observed(run)
        if progress is None or run.is_active:
            return progress
        progress["eta_s"] = None
        if run.state == COMPLETED:
            progress |= {"percent": 100.0, "scope": "training"}
        elif progress["scope"] == "bar":  # It may be that of a test after the stop.
            progress["percent"] = None
        return progress

    def _observed(self, run: Run) -> dict[str, Any] | None:
        """Return what log and metrics show of a program that is not our own trainer."""
        if self._declared is None and run.manifest and not run.is_of_our_trainer:
            self._declared = run.outputs.metrics
        if self._declared is None:
            return None
        log = self._log.read(run.directory.file(run.directory.log))
        counters = self._last_counters(run, self._declared)
        if not log and not counters:
            return None
        return {**UNKNOWN_PROGRESS, **counters, **log, "source": "log" if log else "metrics"}

    def _last_counters(self, run: Run, declared: MetricsOutput) -> dict[str, Number]:
        file = self._find_metrics(run)
        if file is None:
            return {}
        if not self._counters.is_current() or str(file.path) not in self._counters.states:
            states = file_states([file.path])
            self._counters = Remembered(last_counters(file, declared), states)
        return self._counters.value


def _of_file(run: Run) -> dict[str, Any] | None:
    if run.progress is None:
        return None
    progress = run.progress | {"source": "progress.json", "scope": "training"}
    if progress.get("percent") is None:
        progress["percent"] = _percent(progress)
    return progress


def _percent(progress: dict[str, Any]) -> float | None:
    for done, total in (("step", "total_steps"), ("epoch", "max_epochs")):
        if progress.get(done) is not None and progress.get(total):
            percent: float = 100 * min(1.0, max(0.0, progress[done] / progress[total]))
            return round(percent, 1)
    return None
