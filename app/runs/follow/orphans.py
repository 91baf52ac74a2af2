"""The processes that a run leaves behind when its runner is killed."""

from __future__ import annotations

import logging
import time

from app.runs.executors.local import processes
from app.runs.executors.local.lock import SupervisorLock
from app.runs.store.run import Run
from app.runs.store.states import has_verdict
from app.runs.store.store import RunStore
from trainer.rundir import RunDir

logger = logging.getLogger(__name__)

MAX_LAUNCH_S = 30.0
"""A run without a runner in its state.json may still be starting for this long."""


class Orphans:
    """The orphans of killed runners. Killing them releases the run's lock."""

    def __init__(self, store: RunStore, lock: SupervisorLock) -> None:
        self._store = store
        self._lock = lock

    def end(self, run: Run) -> None:
        """Kill the run's processes if its runner is gone and this process holds the supervisor lock."""
        if not self._lock.is_held or has_verdict(run.record) or _has_runner(run) or _may_be_starting(run):
            return
        if killed := self._store.kill_processes(run):
            logger.warning("Run %s: the runner is gone. Killed the processes that it left: %s", run.run_id, killed)


def _has_runner(run: Run) -> bool:
    return processes.runner_pid(run.record, run.directory.path) is not None


def _may_be_starting(run: Run) -> bool:
    return run.is_active and not run.record.get("runner") and _age_s(run.directory) < MAX_LAUNCH_S


def _age_s(run: RunDir) -> float:
    """Return the seconds since the last change of the directory. Infinite if the directory is gone."""
    try:
        return time.time() - run.path.stat().st_mtime
    except OSError:
        return float("inf")
