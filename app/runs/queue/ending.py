"""End a run that was never launched."""

from __future__ import annotations

from trainer.rundir import RunDir, utc_now
from trainer.runner.statefile import StateFile


def end_unlaunched(run: RunDir, state: str, reason: str) -> None:
    """Write the verdict of a run without a runner. Raises AlreadyLaunched if it has one, and OSError.

    Like a runner, claim the run by creating state.json. So of a simultaneous launch and end only one succeeds, and a
    later runner refuses.
    """
    verdict = {"state": state, "reason": reason, "pid": None, "started_at": None, "ended_at": utc_now()}
    StateFile(run.state, verdict).close()
