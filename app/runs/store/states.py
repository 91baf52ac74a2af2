"""The states of a run, and the one function that composes a state from its files and its executor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.runs.executors.executor import Found, Gone, Pending, Running, Unreachable
from trainer.rundir import RunDir, is_there
from trainer.runfile import RunFile
from trainer.runner.verdict import COMPLETED, FAILED, INTERRUPTED, NEVER_LAUNCHED, STOPPED, VERDICTS

QUEUED, STARTING, RUNNING, STOPPING, UNKNOWN = "queued", "starting", "running", "stopping", "unknown"
ACTIVE = frozenset({STARTING, RUNNING, STOPPING})

STATES = (QUEUED, STARTING, RUNNING, STOPPING, COMPLETED, STOPPED, FAILED, INTERRUPTED, UNKNOWN)

_GONE = "all processes of the run are gone, and none recorded how it ended (power loss, or all were killed)"
_FOREIGN = "this service did not create the directory: its run.json is missing, or another program wrote it"


def compose(run: RunDir, record: dict[str, Any], found: Found) -> tuple[str, str | None]:
    """Return the state and its reason.

    `record` is the content of state.json, empty without one. `found` is what the executor says. A verdict is
    final. Without one the executor decides, whatever the file says: a run is never active because of what a killed
    process wrote. Nor is it interrupted while the executor cannot be reached. A directory is unknown if we cannot read
    it, or cannot tell that it is a run of ours. Then we trust nothing in it.
    """
    claimed, reason = str(record.get("state")), record.get("reason")
    # Our runner names itself in state.json, so the run is ours even if run.json is corrupt.
    is_by_our_runner = isinstance(record.get("runner"), dict)
    if isinstance(found, Gone) and not is_by_our_runner and (problem := _origin_problem(run, record)):
        return UNKNOWN, problem
    if claimed in VERDICTS:
        return claimed, reason if isinstance(reason, str) else None
    if not isinstance(found, Gone):
        return _active(run, claimed, found)
    if is_missing(run.state) and (waiting := _never_launched(run)) is not None:
        return waiting
    # The trainer writes its completion record last. So it had finished, and only the runner's verdict was lost.
    if isinstance((run.read_json(run.result) or {}).get("completed_at"), str):
        return COMPLETED, None
    return (INTERRUPTED, _GONE) if found.state is None else (found.state, found.reason)


def _never_launched(run: RunDir) -> tuple[str, str | None] | None:
    """Return the state of a run that was not launched. None: it was not queued either, so its launch has failed."""
    if is_there(run.stop):
        return STOPPED, NEVER_LAUNCHED
    return (QUEUED, None) if is_there(run.queued) else None


def _active(run: RunDir, claimed: str, found: Pending | Running | Unreachable) -> tuple[str, str | None]:
    lives, reason = (
        (found.last, f"not reachable since {found.since}") if isinstance(found, Unreachable) else (found, None)
    )
    if is_there(run.stop):
        return STOPPING, reason
    # Only a runner can have written a file that became corrupt, and only a launched run can lose its directory.
    is_silent = claimed != RUNNING and is_missing(run.state) and is_there(run.path)
    if is_silent and isinstance(lives, Pending):
        return QUEUED, reason or lives.reason
    return (STARTING if is_silent or claimed == STARTING else RUNNING), reason


def _origin_problem(run: RunDir, record: dict[str, Any]) -> str | None:
    """Say why we cannot tell that the directory is a run of ours, or cannot judge it; None if we can.

    Another program made the directory if it has no run.json of ours. A corrupt run.json may be ours.
    """
    manifest = run.read_json(run.run)
    if "request" not in manifest if manifest is not None else is_missing(run.run):
        return _FOREIGN
    problem = _read_problem(run.file(run.run)) if manifest is None else None
    return problem or (None if record else _read_problem(run.file(run.state)))


def _read_problem(file: RunFile) -> str | None:
    """Say why an existing file cannot be read; None if it can be read or is missing."""
    try:
        with file.open() as opened:
            opened.read(1)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{file.path.name} cannot be read: {error.strerror or error}"
    return None


def is_missing(path: Path) -> bool:
    """Whether the file is known to be missing; False if we may not look."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False
