"""What runs now, and how the last run ended."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from app.runs.collect.runmetrics import RunMetrics
from app.runs.progress.progress import RunProgress
from app.runs.queue.queue import Queue
from app.runs.store.run import Run
from app.runs.store.store import RunStore

FIELDS = ("pid", "run_id", "title", "state", "config_name", "progress", "started_at")
"""What the answer says of each active run."""


class Status:
    """Answer the question that programs ask most often. It keeps only how far it has read the logs of active runs."""

    def __init__(self, store: RunStore, queue: Queue, metrics: RunMetrics) -> None:
        self._store = store
        self._queue = queue
        self._metrics = metrics
        self._mutex = threading.Lock()
        self._progress: dict[str, RunProgress] = {}
        """That of the active runs, by their ids."""

    def describe(self) -> dict[str, Any]:
        """Describe the active runs, the run that started last first. The fields outside of `active` are of that run."""
        living = self._store.living()
        runs = self._store.active(living)
        last = next((run for run in self._store.began(living, without=runs) if run.is_over), None)
        with self._mutex:
            active = self._describe(runs)
        return {
            "status": "running" if active else "not_running",
            "running": bool(active),
            **(active[0] if active else dict.fromkeys(FIELDS)),
            "active": active,
            "num_queued": len(self._queue.ids(living)),
            "last_run": {"run_id": last.run_id, "state": last.state, "reason": last.reason} if last else None,
        }

    def _describe(self, active: Sequence[Run]) -> list[dict[str, Any]]:
        before, self._progress = self._progress, {}
        for run in active:
            self._progress[run.run_id] = before.get(run.run_id) or RunProgress(self._metrics.find_csv)
        return [
            {name: getattr(run, name) for name in FIELDS} | {"progress": self._progress[run.run_id].read(run)}
            for run in active
        ]
