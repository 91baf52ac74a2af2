"""What runs now, and how the last run ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.runs.filestate import Stamp, are_settled, stamp
from app.runs.store.run import Run
from app.runs.store.store import RunStore

_SETTLED_NS = 20_000_000
"""Times of change are told in steps of up to 10 ms: of two changes in one step, the second does not show."""


@dataclass(frozen=True)
class _Kept:
    """An answer, with all that it depends on as it was before it was made."""

    holder: str | None
    files: Sequence[str]
    stamps: list[Stamp | None]
    answer: dict[str, Any]


class Status:
    """The answer to the question that is asked most often.

    Whether anything runs is asked of the lock each time. The files are read again when one has changed: in a run's
    directory each of them is replaced as a whole, which changes the directory; state.json (on a full disk) and
    progress.json (by a program of one's own) may also be written in place.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._kept = _Kept(None, [], [], {})

    def describe(self) -> dict[str, Any]:
        """Not to be changed: others are told the same object."""
        kept, holder = self._kept, self._store.holder()
        if kept.answer and kept.holder == holder and kept.stamps == _stamps(kept.files):
            return kept.answer
        return self._read(holder, kept.files)

    def _read(self, holder: str | None, files: Sequence[str]) -> dict[str, Any]:
        """Look at the files before reading them, so that a change in between is one that the next look sees."""
        stamps = _stamps(files)
        active, last = self._store.active_and_ended()
        needed = [*map(str, [self._store.runs_dir, *_files(active), *_files(last)])]
        if needed != files:
            return self._read(holder, needed)
        answer = _answer(active, last)
        is_pid_told = active is None or "runner" in active.record  # Else it was searched for.
        if is_pid_told and are_settled(stamps, _SETTLED_NS):
            self._kept = _Kept(holder, files, stamps, answer)
        return answer


def _answer(active: Run | None, last: Run | None) -> dict[str, Any]:
    return {
        "status": "running" if active else "not_running",
        "running": active is not None,
        "pid": active.pid if active else None,
        "run_id": active.run_id if active else None,
        "state": active.state if active else None,
        "config_name": active.config_name if active else None,
        "progress": active.progress if active else None,
        "started_at": active.snapshot()["started_at"] if active else None,
        "last_run": {"run_id": last.run_id, "state": last.state, "reason": last.reason} if last else None,
    }


def _files(run: Run | None) -> list[Path]:
    if run is None:
        return []
    changing = [run.directory.find_progress(), run.directory.stop] if run.is_active else []
    return [run.directory.path, run.directory.state, *changing]


def _stamps(files: Sequence[str]) -> list[Stamp | None]:
    return [stamp(file) for file in files]
