"""How far a run is, in words and as a fraction, as the page shows it."""

from __future__ import annotations

from typing import Any

PHASES = {
    "loading": "Loading libraries",
    "prepare": "Preparing images",
    "test": "Testing the best checkpoint",
    "export": "Exporting the model",
}
STATES = {"queued": "Waiting in the queue", "starting": "Starting", "running": "Running", "stopping": "Stopping"}
ENDINGS = {
    "completed": "Run {} completed",
    "stopped": "Run {} was stopped",
    "failed": "Run {} failed",
    "interrupted": "Run {} was interrupted",
    "unknown": "The state of run {} is unknown",
}
SCOPES = {"epoch": " of this epoch", "bar": " of the current bar"}


def ending(run_id: str, state: str, reason: str | None) -> str:
    """Return how a run ended, and why."""
    return ENDINGS[state].format(run_id) + (f": {reason}" if reason else "")


def progress_text(state: str, progress: dict[str, Any] | None) -> str:
    """Describe what the run is doing, or how far it is."""
    known = progress or {}
    phase = known.get("phase")
    return PHASES.get(str(phase)) or _epochs(known) or STATES.get(state, state)


def share_of(progress: dict[str, Any] | None) -> tuple[float | None, str]:
    """Return the fraction that is done, from 0 to 1 or None, and of what, unless it is of the entire training."""
    known = progress or {}
    percent = known.get("percent")
    if percent is None or known.get("phase") in ("loading", "prepare"):
        return None, ""
    return percent / 100, SCOPES.get(str(known.get("scope")), "")


def _epochs(progress: dict[str, Any]) -> str | None:
    """Return "3 of 10 epochs done" if the steps are known, else the epoch's number as the program counts it."""
    step, total_steps, epoch, max_epochs = (progress.get(key) for key in ("step", "total_steps", "epoch", "max_epochs"))
    if max_epochs and total_steps and step is not None:
        done = int(max_epochs * min(step, total_steps) / total_steps + 1e-9)
        return f"{done} of {max_epochs:g} epochs done"
    if epoch is None:
        return None
    return f"Epoch {epoch:g}" + (f" of {max_epochs:g}" if max_epochs else "")
