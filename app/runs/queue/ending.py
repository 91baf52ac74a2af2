"""End a run that was never launched."""

from __future__ import annotations

from trainer.rundir import RunDir, utc_now
from trainer.runner.statefile import StateFile


def end_unlaunched(run: RunDir, state: str, reason: str) -> None:
    """Write the verdict of a run without a runner. Raises AlreadyLaunched if it has one, and OSError.

    Like a runner, this owns the run by creating state.json. So of a launch and an end at the same time only one
    succeeds, and a runner that comes later refuses.
    """
    verdict = {"state": state, "reason": reason, "pid": None, "started_at": None, "ended_at": utc_now()}
    StateFile(run.state, verdict).close()
