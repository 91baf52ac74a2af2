"""A run whose processes live although nobody holds the lock, because somebody deleted or replaced the lock file."""

from __future__ import annotations

import logging
from pathlib import Path

from app.runs.executors.local import processes
from app.runs.filestate import Remembered, file_states
from app.runs.store.states import has_verdict
from trainer.rundir import RunDir, read_json

logger = logging.getLogger(__name__)


class Survivor:
    """Find such a run by its processes.

    Only a start changes the lock file, or somebody who deletes it. So we search the machine's processes once for each
    state of the file. After that we only ask for the processes of the run that we found.
    """

    def __init__(self, runs_dir: Path, lock_path: Path) -> None:
        self._runs_dir = runs_dir
        self._lock_path = lock_path
        self._found: Remembered[str | None] | None = None

    def find(self) -> str | None:
        """Return the run's id, or None if no run without a verdict has a living process. Ask while the lock is free."""
        if self._found is None or not self._found.is_current():
            states = file_states([self._lock_path])
            self._found = Remembered(self._search(), states)
        elif self._found.value is not None and not self._lives(self._found.value):
            self._found.value = None
        return self._found.value

    def _search(self) -> str | None:
        for run_id in processes.living_runs(self._runs_dir):
            if not has_verdict(self._record(run_id)):
                logger.warning("Nobody holds %s, but run %s has living processes.", self._lock_path, run_id)
                return run_id
        return None

    def _lives(self, run_id: str) -> bool:
        record = self._record(run_id)
        if has_verdict(record):
            return False
        return processes.is_runner_alive(record) or run_id in processes.living_runs(self._runs_dir)

    def _record(self, run_id: str) -> dict[str, object]:
        return read_json(RunDir(self._runs_dir / run_id).state) or {}
