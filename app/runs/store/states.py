"""The states of a run and the one function that composes them from what lies on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from trainer.rundir import RunDir, is_there
from trainer.runfile import RunFile
from trainer.runner.verdict import COMPLETED, INTERRUPTED, VERDICTS

STARTING, RUNNING, STOPPING, UNKNOWN = "starting", "running", "stopping", "unknown"
ACTIVE = frozenset({STARTING, RUNNING, STOPPING})

State = Literal["starting", "running", "stopping", "completed", "stopped", "failed", "interrupted", "unknown"]
STATES = ("starting", "running", "stopping", "completed", "stopped", "failed", "interrupted", "unknown")

_GONE = "every process of the run is gone and none left a verdict (power loss, or all were killed)"
_FOREIGN = "this service did not make the directory: it has no run.json, or one of another program"


def has_verdict(record: dict[str, Any]) -> bool:
    """Whether state.json holds the runner's last word."""
    return str(record.get("state")) in VERDICTS


def compose(run: RunDir, record: dict[str, Any] | None, is_alive: bool) -> tuple[str, str | None]:
    """Return the state and its reason.

    `record` is what state.json holds (None: missing or unreadable), `is_alive` whether a process of this run still
    lives. A verdict is final. Without one `is_alive` decides, whatever the file claims: a run is never active because
    of what somebody wrote before being killed. A directory that is not known to be a run of ours, and one that cannot
    be read, is unknown: nothing in it is taken for ours.
    """
    claimed = str((record or {}).get("state"))
    reason = (record or {}).get("reason")
    if not is_alive and not _is_by_our_runner(record) and (problem := _origin_problem(run)):
        return UNKNOWN, problem
    if claimed in VERDICTS:
        return claimed, reason if isinstance(reason, str) else None
    if is_alive:
        if is_there(run.stop):
            return STOPPING, None
        # The runner's first word is "running": a file that is corrupt, or a directory that is gone, said it before.
        is_silent = claimed != RUNNING and _is_missing(run.state) and is_there(run.path)
        return (STARTING if is_silent else RUNNING), None
    # The trainer writes its completion record last of all. Only the runner's verdict on it was lost.
    if isinstance((run.read_json(run.result) or {}).get("completed_at"), str):
        return COMPLETED, None
    return INTERRUPTED, _GONE


def _is_by_our_runner(record: dict[str, Any] | None) -> bool:
    """Whether our runner wrote state.json. It says who it is, so the run is ours even where run.json is corrupt."""
    return isinstance((record or {}).get("runner"), dict)


def is_foreign(run: RunDir) -> bool:
    """Whether no run of this service made the directory: it has no run.json. One that is corrupt may be ours."""
    birth = run.read_json(run.run)
    return "request" not in birth if birth is not None else _is_missing(run.run)


def _origin_problem(run: RunDir) -> str | None:
    """Say why the directory cannot be taken for a run of this service and judged; None for one that can be."""
    return _FOREIGN if is_foreign(run) else _read_problem(run.file(run.run)) or _read_problem(run.file(run.state))


def _read_problem(file: RunFile) -> str | None:
    """Say why a file that is there cannot be read; None when it can be, or is missing."""
    try:
        with file.open() as opened:
            opened.read(1)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{file.path.name} cannot be read: {error.strerror or error}"
    return None


def _is_missing(path: Path) -> bool:
    """Whether it is known not to be there; False where we may not look."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False
