"""The states of a run and the one function that composes them from what lies on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from trainer.rundir import RunDir, is_there, read_json
from trainer.verdict import COMPLETED, INTERRUPTED, VERDICTS

STARTING, RUNNING, STOPPING = "starting", "running", "stopping"
ACTIVE = frozenset({STARTING, RUNNING, STOPPING})

State = Literal["starting", "running", "stopping", "completed", "stopped", "failed", "interrupted"]
STATES = ("starting", "running", "stopping", "completed", "stopped", "failed", "interrupted")

_GONE = "every process of the run is gone and none left a verdict (power loss, or all were killed)"


def has_verdict(record: dict[str, Any]) -> bool:
    """Whether state.json holds the runner's last word."""
    return str(record.get("state")) in VERDICTS


def compose(run: RunDir, record: dict[str, Any] | None, holds_lock: bool) -> tuple[str, str | None]:
    """Tell the state and its reason.

    `record` is what state.json holds (None: missing or unreadable), `holds_lock` whether a process of this run still
    lives. A verdict is final. Without one the lock decides alone, whatever the file claims: a run is never active
    because of what somebody wrote before being killed.
    """
    claimed = str((record or {}).get("state"))
    reason = (record or {}).get("reason")
    if claimed in VERDICTS:
        return claimed, reason if isinstance(reason, str) else None
    if holds_lock:
        if is_there(run.stop):
            return STOPPING, None
        # The runner's first word is "running": a file that is spoilt, or a directory that is gone, said it before.
        is_silent = claimed != RUNNING and _is_missing(run.state) and is_there(run.path)
        return (STARTING if is_silent else RUNNING), None
    # The trainer writes its completion record last of all; only the runner's verdict on it was lost.
    if isinstance((read_json(run.result) or {}).get("completed_at"), str):
        return COMPLETED, None
    return INTERRUPTED, _GONE


def _is_missing(path: Path) -> bool:
    """Whether it is known not to be there; False where we may not look."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False
