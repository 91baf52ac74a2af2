"""The best runs of each experiment, by the metric that the experiment watches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from app.runs.collect.runmetrics import RunMetrics
from app.runs.store.run import Run
from trainer.experiment.direction import Direction


@dataclass(frozen=True)
class Place:
    """The best value of a run, and its rank among the runs of its experiment, from 1."""

    monitor: str
    value: float
    rank: int


class Ranking:
    """The ranks of runs. Runs of one experiment with different monitors do not compete."""

    def __init__(self, metrics: RunMetrics, runs: Iterable[Run], monitor: str | None = None) -> None:
        """Read the metrics of all `runs`, which come newest first. `monitor` replaces their own metric."""
        groups: dict[tuple[str | None, str, Direction], list[tuple[float, Run]]] = defaultdict(list)
        for run in runs:
            name = monitor or monitor_of(run)
            summary = metrics.find(run).summarise()
            if name is not None and name in summary.best:
                groups[run.config_name, name, summary.directions[name]].append((summary.best[name], run))
        self._places = {
            run.run_id: Place(name, value, rank)
            for (_, name, direction), valued in groups.items()
            for rank, (value, run) in enumerate(_best_first(valued, direction), 1)
        }

    def place(self, run: Run) -> Place | None:
        """Return the place of a run. None: its best value is unknown."""
        return self._places.get(run.run_id)


def monitor_of(run: Run) -> str | None:
    """Return the metric that chooses the checkpoint, or that the experiment of a command shows first."""
    if run.outputs.metrics.monitor is not None:
        return run.outputs.metrics.monitor
    match run.config:
        case {"checkpoint": {"monitor": str(monitor)}}:
            return monitor
    return None


def _best_first(valued: list[tuple[float, Run]], direction: Direction) -> list[tuple[float, Run]]:
    """Sort stably, so that of equal runs the newer one comes first."""
    return sorted(valued, key=lambda each: each[0] if direction == "lower" else -each[0])
