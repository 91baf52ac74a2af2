"""The entries of the queued runs. It reads again only what has changed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.runs.filestate import Remembered, file_states
from app.runs.queue.entry import Entry, read_entry
from app.runs.store.store import RunStore


@dataclass(frozen=True)
class _Reading:
    run_ids: Remembered[Sequence[str]]
    """All runs, with or without a queued.json, until the runs folder changes."""
    entries: Mapping[str, Remembered[Entry]]
    """By run id, oldest first."""
    read_at: float


class Entries:
    """The runs that have a queued.json, oldest first. Several threads may read them, each with its own reading."""

    def __init__(self, store: RunStore, max_age_s: float) -> None:
        """A reading lasts for `max_age_s`, or until `expire`."""
        self._store = store
        self._max_age_s = max_age_s
        self._last = _Reading(Remembered((), {str(store.runs_dir): None}), {}, 0.0)

    def read(self) -> list[Entry]:
        """Raises RunsUnreadable."""
        if time.monotonic() - self._last.read_at > self._max_age_s:
            self._last = self._read_after(self._last)
        return [entry.value for entry in self._last.entries.values()]

    def expire(self) -> None:
        self._last = replace(self._last, read_at=0.0)

    def _read_after(self, last: _Reading) -> _Reading:
        read_at, run_ids, names = time.monotonic(), last.run_ids, [*last.entries]
        if not run_ids.is_current():  # Only a new run can have a new queued.json, which exists before its name.
            states, known = file_states([self._store.runs_dir]), frozenset(run_ids.value)
            run_ids = Remembered(self._store.ids(), states)
            names += [run_id for run_id in reversed(run_ids.value) if run_id not in known]
        entries = {run_id: self._read_entry(run_id, last.entries.get(run_id)) for run_id in names}
        return _Reading(run_ids, {run_id: entry for run_id, entry in entries.items() if entry is not None}, read_at)

    def _read_entry(self, run_id: str, last: Remembered[Entry] | None) -> Remembered[Entry] | None:
        """Return the present entry. None: the run has no queued.json."""
        if last is not None and last.is_current():
            return last
        run = self._store.directory(run_id)
        states = file_states([run.path, run.queued])
        return None if states[str(run.queued)] is None else Remembered(read_entry(run), states)
