"""Wait for the last bytes of a run on another machine."""

from __future__ import annotations

import time
from dataclasses import replace

from app.runs.store.run import Run
from app.runs.store.states import RUNNING
from trainer.rundir import is_there

SETTLES_WITHIN_S = 4.0
"""NFS shows how large a file is up to 3 s late, unless its options say otherwise."""


class Settling:
    """Hold back the end of a run on another machine, so that its followers read on for some seconds."""

    def __init__(self) -> None:
        self._ended_at: dict[str, float] = {}

    def reopen(self, run: Run) -> Run:
        """Return the run as running if it ended only a moment ago, so that `hold_back` holds its end back.

        This process found it ended. If the machines' clocks differ by seconds, it may be taken for an earlier one.
        """
        if not run.is_over or not is_there(run.directory.heartbeat):
            return run
        try:
            age_s = time.time() - run.directory.state.lstat().st_mtime
        except OSError:
            return run
        return replace(run, state=RUNNING, reason=None, record={}) if age_s < SETTLES_WITHIN_S else run

    def hold_back(self, before: Run, now: Run) -> Run:
        """Return the run as `now`, but in the state of `before` if it has ended only a moment ago."""
        if before.is_over or not now.is_over or not is_there(now.directory.heartbeat):
            return now
        ended_at = self._ended_at.setdefault(now.run_id, time.monotonic())
        if time.monotonic() - ended_at < SETTLES_WITHIN_S:
            return replace(now, state=before.state, reason=before.reason, record=before.record)
        del self._ended_at[now.run_id]
        return now
