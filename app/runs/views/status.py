"""What runs now, and how the last run ended."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.runs.collect.runmetrics import RunMetrics
from app.runs.filestate import FileStates, Remembered, file_states
from app.runs.progress.progress import RunProgress
from app.runs.store.run import Run
from app.runs.store.store import RunStore


@dataclass(frozen=True)
class _Answer:
    holder: str | None
    body: dict[str, Any]


class Status:
    """Answer the question that programs ask most often.

    Each answer asks the lock whether anything runs, and reads the files again only after a change. The runner and the
    service replace files, which changes the run's directory. Others may be written in place: state.json, on a full
    disk, and what a program writes from which the progress is read.
    """

    def __init__(self, store: RunStore, metrics: RunMetrics) -> None:
        self._store = store
        self._metrics = metrics
        self._mutex = threading.Lock()
        self._progress: dict[str, RunProgress] = {}
        """That of the active run, by its id."""
        self._remembered = Remembered(_Answer(None, {}), {})

    def describe(self) -> dict[str, Any]:
        """Return the answer. Do not change it: other callers get the same object."""
        answer, holder = self._remembered.value, self._store.holder()
        if answer.body and answer.holder == holder and self._remembered.is_current():
            return answer.body
        with self._mutex:
            return self._read(holder, file_states(self._remembered.states))

    def _read(self, holder: str | None, states: FileStates) -> dict[str, Any]:
        """Read the files whose states were taken before, or start over if it takes other files to answer."""
        active, last = self._store.active_and_ended()
        new = RunProgress(self._metrics.find_csv)
        self._progress = {run.run_id: self._progress.get(run.run_id, new) for run in (active,) if run}
        progress = self._progress[active.run_id].read(active) if active else None
        read_from = self._progress[active.run_id].files(active) if active else []
        files = [self._store.runs_dir, *_files(active), *_files(last), *read_from]
        if states.keys() != set(map(str, files)):
            return self._read(holder, file_states(files))
        answer = _Answer(holder, _body(active, last, progress))
        is_pid_known = active is None or "runner" in active.record  # Else we had to search for it.
        self._remembered = Remembered(answer if is_pid_known else _Answer(None, {}), states)
        return answer.body


def _body(active: Run | None, last: Run | None, progress: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "status": "running" if active else "not_running",
        "running": active is not None,
        "pid": active.pid if active else None,
        "run_id": active.run_id if active else None,
        "state": active.state if active else None,
        "config_name": active.config_name if active else None,
        "progress": progress,
        "started_at": active.started_at if active else None,
        "last_run": {"run_id": last.run_id, "state": last.state, "reason": last.reason} if last else None,
    }


def _files(run: Run | None) -> list[Path]:
    if run is None:
        return []
    return [run.directory.path, run.directory.state, *([run.directory.stop] if run.is_active else [])]
