"""Runs that are alive without a slot, because the slot's file was deleted or replaced."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path

from app.runs.executors.executor import Ref
from app.runs.executors.local import processes
from app.runs.filestate import Remembered, file_states
from trainer.rundir import RunDir
from trainer.runner.statefile import has_verdict, read_record

logger = logging.getLogger(__name__)


class Survivors:
    """Find such runs by their processes.

    Deleting or replacing a file changes its folder, and nothing else does once every slot has its file. So we search
    the machine's processes only when the folder has changed. After that we check only the runs that we found.
    """

    def __init__(self, runs_dir: Path, slots: Path, executor: str) -> None:
        """`executor` is the name of the executor of this machine. A cluster may have launched other runs here."""
        self._runs_dir = runs_dir
        self._slots = slots
        self._executor = executor
        self._found: Remembered[list[str]] | None = None
        self._named: set[str] = set()

    def find(self, held: Collection[str]) -> list[str]:
        """List runs without a verdict that have a living process. `held` are the runs that hold a slot."""
        if self._found is None or not self._found.is_current():
            states = file_states([self._slots])
            living = processes.living_runs(self._runs_dir)
            self._found = Remembered([run_id for run_id in living if self._is_ours(run_id)], states)
        self._found.value = [run_id for run_id in self._found.value if run_id in held or self._lives(run_id)]
        survivors = [run_id for run_id in self._found.value if run_id not in held]
        self._warn(survivors)
        return survivors

    def _is_ours(self, run_id: str) -> bool:
        return Ref.read(RunDir(self._runs_dir / run_id)).executor in (None, self._executor)

    def _lives(self, run_id: str) -> bool:
        run = RunDir(self._runs_dir / run_id)
        record = read_record(run)
        if has_verdict(record):
            return False
        return processes.is_runner_alive(record, run.path) or run_id in processes.living_runs(self._runs_dir)

    def _warn(self, survivors: list[str]) -> None:
        for run_id in set(survivors) - self._named:
            logger.warning("Run %s has living processes but holds no slot in %s.", run_id, self._slots)
        self._named = set(survivors)
