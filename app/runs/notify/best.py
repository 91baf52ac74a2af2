"""The metric that a notification shows."""

from __future__ import annotations

from app.runs.collect.runmetrics import RunMetrics
from app.runs.retention.ranking import monitor_of
from app.runs.store.run import Run

MAX_COLLECT_S = 30.0


def best_metric(run: Run, metrics: RunMetrics) -> tuple[str, float] | None:
    """Return the name and the best value of the run's monitor.

    Without a monitor, take the first validation metric, or else the first metric. None if no metric has a direction,
    or if the metrics cannot be read.
    """
    best, monitor = metrics.collect_all(run, MAX_COLLECT_S).summarise().best, monitor_of(run)
    validated = (name for name in best if name.startswith(("val", "eval")))
    name = monitor if monitor in best else next(validated, next(iter(best), None))
    return None if name is None else (name, best[name])
