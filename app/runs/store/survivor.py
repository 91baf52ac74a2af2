"""A run that lives although nobody holds the lock, because the lock's file was deleted or replaced under it."""

from __future__ import annotations

import logging
from pathlib import Path

from app.runs.executors.local import processes
from app.runs.filestate import Stamp, stamp
from app.runs.store.states import has_verdict
from trainer.rundir import RunDir, read_json

logger = logging.getLogger(__name__)


class Survivor:
    """Find such a run by its processes.

    The file changes only by a start, or when somebody deletes it. So the processes of the machine are searched once
    for each state of the file in which nobody holds it. From then on only the pids of the run that was found are asked.
    """

    def __init__(self, runs_dir: Path, lock_path: Path) -> None:
        self._runs_dir = runs_dir
        self._lock_path = lock_path
        self._has_searched = False
        self._searched: Stamp | None = None
        self._run_id: str | None = None

    def find(self) -> str | None:
        """Name the run; None when no process of any run without a verdict lives. To be asked while the lock is free."""
        state = stamp(self._lock_path)
        if not self._has_searched or state != self._searched:
            self._run_id = self._search()
            self._has_searched, self._searched = True, state
        elif self._run_id is not None and not self._lives(self._run_id):
            self._run_id = None
        return self._run_id

    def _search(self) -> str | None:
        for run_id in processes.living_runs(self._runs_dir):
            if not has_verdict(self._record(run_id)):
                logger.warning("Run %s has living processes, though nobody holds %s.", run_id, self._lock_path)
                return run_id
        return None

    def _lives(self, run_id: str) -> bool:
        record = self._record(run_id)
        if has_verdict(record):
            return False
        return processes.is_runner_alive(record) or run_id in processes.living_runs(self._runs_dir)

    def _record(self, run_id: str) -> dict[str, object]:
        return read_json(RunDir(self._runs_dir / run_id).state) or {}
