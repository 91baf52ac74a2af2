"""queued.json: when a run was queued, its priority, and the GPUs that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from app.runs.executors.executor import Needs
from app.runs.store.run import Run
from app.runs.store.states import QUEUED
from trainer.rundir import RunDir, is_there, utc_now, write_json

MAX_PRIORITY = 1000
CORRUPT = "its queued.json is corrupt, so it cannot start: stop it, and start it again"


@dataclass(frozen=True)
class Entry:
    """A queued run."""

    run: RunDir
    priority: int = 0
    """Runs with a higher priority come first."""
    queued_at: str | None = None
    gpus: int | None = None
    problem: str | None = None
    """Why the run can never be launched. None: it can."""
    waits: bool = True
    """Whether the run was neither launched nor stopped."""

    @property
    def run_id(self) -> str:
        return self.run.run_id

    @cached_property
    def as_run(self) -> Run:
        """The run that waits, with what its files say. They do not change while it waits."""
        return Run(self.run, QUEUED, None, {})

    @property
    def needs(self) -> Needs:
        return Needs(self.gpus)


def write_entry(directory: RunDir, priority: int, needs: Needs) -> None:
    """Write queued.json into a directory that may not have the run's name yet. Raises OSError."""
    write_json(directory.queued, {"queued_at": utc_now(), "priority": priority, "gpus": needs.gpus})


def read_entry(run: RunDir) -> Entry:
    """Read queued.json. A corrupt one gives an entry with a problem."""
    content = run.read_json(run.queued)
    waits = not is_there(run.state) and not is_there(run.stop)  # Last: a launch removes queued.json at its end.
    match content:
        case {"priority": int(priority), "queued_at": str(queued_at), "gpus": int() | None as gpus}:
            if abs(priority) <= MAX_PRIORITY and (gpus is None or gpus >= 0):
                return Entry(run, priority, queued_at, gpus, waits=waits)
    return Entry(run, problem=CORRUPT, waits=waits)
