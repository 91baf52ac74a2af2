"""How many runs are in each state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from app.runs.filestate import Remembered, file_states
from app.runs.store.run import Run
from app.runs.store.states import STATES, UNKNOWN
from app.runs.store.store import RunStore
from trainer.runner.statefile import has_verdict


class Census:
    """Count the runs by state. Each count reads only the runs that may have changed since the previous one."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._known: dict[str, Remembered[str]] = {}

    def count(self) -> dict[str, int]:
        """Return the number of runs in every state. Several threads may call this. Raises RunsUnreadable."""
        ids, before = self._store.ids(), self._known
        known = {run_id: each for run_id in ids if (each := before.get(run_id)) is not None and each.is_current()}
        found = Counter(each.value for each in known.values())
        for run in self._read([run_id for run_id in ids if run_id not in known], known):
            found[run.state] += 1
        self._known = known
        return {state: found[state] for state in STATES}

    def _read(self, ids: Sequence[str], known: dict[str, Remembered[str]]) -> list[Run]:
        """Read runs, and add those to `known` that only a change of their files can change.

        A verdict is final, so nothing needs to be looked at again. A folder of another program may become a run.
        """
        folders = (self._store.directory(run_id) for run_id in ids)
        states = {run.run_id: file_states([run.path, run.run, run.state]) for run in folders}
        runs = list(self._store.read(states))
        for run in runs:
            if has_verdict(run.record):
                known[run.run_id] = Remembered(run.state, {})
            elif run.state == UNKNOWN:
                known[run.run_id] = Remembered(run.state, states[run.run_id])
        return runs
