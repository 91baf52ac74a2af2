"""What runs now, and how the last run ended."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.runs.collect.runmetrics import RunMetrics
from app.runs.filestate import FileStates, Remembered, file_states
from app.runs.progress.progress import RunProgress
from app.runs.queue.queue import Queue
from app.runs.store.run import Run
from app.runs.store.store import RunStore

FIELDS = ("pid", "run_id", "state", "config_name", "progress", "started_at")
"""What the answer says of each active run."""


class Status:
    """Answer the question that programs ask most often.

    Each answer asks the executor what is active and the queue what waits. It reads the files again only after a change.
    The runner and the service replace files, which changes the run's directory. Others may be written in place:
    state.json, on a full disk, and what a program writes from which the progress is read.
    """

    def __init__(self, store: RunStore, queue: Queue, metrics: RunMetrics) -> None:
        self._store = store
        self._queue = queue
        self._metrics = metrics
        self._mutex = threading.Lock()
        self._progress: dict[str, RunProgress] = {}
        """That of the active runs, by their ids."""
        self._remembered = Remembered(_Answer(frozenset(), 0, {}), {})

    def describe(self) -> dict[str, Any]:
        """Return the answer. Do not change it: other callers get the same object."""
        answer, living, queued = self._remembered.value, self._store.living(), len(self._queue.ids())
        if answer.body and (answer.living, answer.num_queued) == (living, queued) and self._remembered.is_current():
            return answer.body
        with self._mutex:
            return self._read(living, queued, file_states(self._remembered.states))

    def _read(self, living: frozenset[str], num_queued: int, states: FileStates) -> dict[str, Any]:
        """Read the files whose states were taken before, or start over if it takes other files to answer."""
        active, last = self._store.active(), next((run for run in self._store.began() if run.is_over), None)
        new = RunProgress(self._metrics.find_csv)
        self._progress = {run.run_id: self._progress.get(run.run_id, new) for run in active}
        described = [_describe(run, self._progress[run.run_id].read(run)) for run in active]
        waiting = {self._store.directory(run_id).path for run_id in living}  # Their state.json makes them active.
        files = {self._store.runs_dir, *waiting, *self._read_from(active), *([] if last is None else _files(last))}
        if states.keys() != set(map(str, files)):
            return self._read(living, num_queued, file_states(files))
        answer = _Answer(living, num_queued, _body(described, num_queued, last))
        are_pids_known = all("runner" in run.record for run in active)  # Else we had to search for them.
        self._remembered = Remembered(answer if are_pids_known else _Answer(frozenset(), 0, {}), states)
        return answer.body

    def _read_from(self, active: Iterable[Run]) -> Iterator[Path]:
        for run in active:
            yield from (*_files(run), run.directory.stop, *self._progress[run.run_id].files(run))


@dataclass(frozen=True)
class _Answer:
    living: frozenset[str]
    """The runs that the executor knows to live."""
    num_queued: int
    body: dict[str, Any]


def _body(described: list[dict[str, Any]], num_queued: int, last: Run | None) -> dict[str, Any]:
    """`described` has the run that started last first. The fields outside of `active` are those of that run."""
    return {
        "status": "running" if described else "not_running",
        "running": bool(described),
        **(described[0] if described else dict.fromkeys(FIELDS)),
        "active": described,
        "num_queued": num_queued,
        "last_run": {"run_id": last.run_id, "state": last.state, "reason": last.reason} if last else None,
    }


def _describe(run: Run, progress: dict[str, Any] | None) -> dict[str, Any]:
    return {name: progress if name == "progress" else getattr(run, name) for name in FIELDS}


def _files(run: Run) -> list[Path]:
    return [run.directory.path, run.directory.state]
