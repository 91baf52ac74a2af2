"""The processes that a run leaves behind when its runner is killed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable

from app.runs.executors.executor import Ref
from app.runs.executors.local import processes
from trainer.rundir import RunDir
from trainer.runner.statefile import has_verdict, read_record

logger = logging.getLogger(__name__)

MAX_LAUNCH_S = 30.0
"""A run may take this long to name its runner in state.json."""


class Orphans:
    """The orphans of killed runners. Killing them releases the run's slot."""

    def __init__(self, kill: Callable[[Ref], Collection[int]]) -> None:
        self._kill = kill

    def end(self, refs: Iterable[Ref]) -> None:
        """Kill the processes of those runs whose runner is gone."""
        for ref in refs:
            record = read_record(ref.run)
            if has_verdict(record) or processes.runner_pid(record, ref.run.path) is not None:
                continue
            if not record.get("runner") and _age_s(ref.run) < MAX_LAUNCH_S:
                continue
            if killed := self._kill(ref):
                logger.warning("Run %s: the runner is gone. Killed its remaining processes: %s", ref.run_id, killed)


def _age_s(run: RunDir) -> float:
    """Return the seconds since the last change of the directory. Infinite if the directory is gone."""
    try:
        return time.time() - run.path.stat().st_mtime
    except OSError:
        return float("inf")
