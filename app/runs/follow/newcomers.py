"""The runs that were created a moment ago, by any server process."""

from __future__ import annotations

from app.runs.filestate import Remembered, file_states
from app.runs.store.run import Run
from app.runs.store.store import RunStore


class Newcomers:
    """Notice every new run, even one that ends before the next look. A directory that somebody copies is none."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._last_sequence: int | None = None
        self._folder = Remembered(None, {})

    def read(self) -> list[Run]:
        """Read the runs that were created since the last call, in that order. The first call returns none."""
        if self._last_sequence is not None and self._folder.is_current():
            return []
        self._folder = Remembered(None, file_states([self._store.runs_dir]))
        last, self._last_sequence = self._last_sequence, self._store.last_sequence()
        return list(self._store.read(self._store.created_after(last))) if last is not None else []
