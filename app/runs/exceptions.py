"""The errors of the domain. Class names state the fact, and messages say what would be right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class RunError(Exception):
    """Base class of all errors of the domain."""


class NotFound(RunError):
    """Base class: what the caller named does not exist, or its name would leave its folder."""


class Unusable(RunError):
    """Base class: what the caller named exists, but its content cannot be used."""


class Conflict(RunError):
    """Base class: the state of a run, or of the queue, prevents this."""


class RunNotFound(NotFound):
    def __init__(self, run_id: str) -> None:
        super().__init__(f"No run {run_id!r}.")


class NoRuns(NotFound):
    def __init__(self) -> None:
        super().__init__("No training runs found")


class RunsUnreadable(RunError):
    """The runs folder cannot be read, so the runs are unknown."""

    def __init__(self, runs_dir: str, error: OSError) -> None:
        super().__init__(
            f"The runs folder {runs_dir} (TRAINING_RUNS_DIR) cannot be read: {error.strerror or error}. Check that its "
            "disk is mounted and that the service's user has permission to read it."
        )


class ExperimentNotFound(NotFound):
    def __init__(self, name: str, available: list[str]) -> None:
        names = ", ".join(available) or "none, because the folder has no .yaml file"
        super().__init__(f"No experiment {name!r}. Available: {names}.")


class DatasetNotFound(NotFound):
    def __init__(self, name: str, available: list[str]) -> None:
        super().__init__(f"No dataset {name!r}. Available: {', '.join(available) or 'none'}.")


class DataFolderUnreadable(RunError):
    def __init__(self, folder: object, problem: str) -> None:
        super().__init__(
            f"The data folder {folder} (TRAINING_DATA_DIR) cannot be read: {problem}. Check that its disk is mounted "
            "and that the service's user has permission to read it."
        )


class PreviewFailed(Unusable):
    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"The images of {name!r} cannot be shown: {problem}.")


class FileNotInRun(NotFound):
    """An artifact, a model or a metrics file that the run does not have."""


class ModelIncomplete(Unusable):
    """A part of the model is missing, or cannot be found."""

    def __init__(self, run_id: str, file: str, problem: str) -> None:
        super().__init__(
            f"The model {file} of run {run_id} is incomplete: {problem}. Download its existing files as artifacts of "
            "the run."
        )


class ModelUnusable(Unusable):
    """A model of a run cannot predict."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"This model cannot make predictions: {problem.rstrip('.')}.")


class PredictionFailed(RunError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"The prediction failed: {reason}.")


class TryAgain(RunError):
    """Base class: the same request may succeed after `retry_after_s`."""

    retry_after_s = 5

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}. Try again in {self.retry_after_s} seconds.")


class ModelChanging(TryAgain):
    """The program is writing the model right now."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The model {name} is being written")


class Invalid(RunError):
    """Base class: a request is well formed but cannot be met. `errors` maps each key to what would be right."""

    def __init__(self, message: str, errors: dict[str, list[str]]) -> None:
        super().__init__(message)
        self.errors = errors


class InvalidStart(Invalid):
    pass


class InvalidPrediction(Invalid):
    """The images of a request are missing, or too many."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem, {"image": [problem]})


class ImagesUnreadable(Invalid):
    """Some of the images of a request. `reasons` has the reason by the name of each."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        named = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        super().__init__(f"These images cannot be read: {named}.", {name: [why] for name, why in reasons.items()})


class MetricsUnreadable(Unusable):
    def __init__(self, csv_file: str, problem: str) -> None:
        super().__init__(f"The metrics file {csv_file} cannot be read: {problem}")
        self.csv_file = csv_file


class ReportUnreadable(Unusable):
    """A report.json that is not a report. `errors` maps each wrong field to what would be right."""

    def __init__(self, run_id: str, errors: dict[str, Any] | None = None) -> None:
        problem = f"these fields are wrong: {', '.join(errors)}" if errors else "it must be a JSON object"
        super().__init__(f"The report.json of run {run_id} cannot be read: {problem}.")
        self.errors = errors or {}


class RunActive(Conflict):
    """No more runs can be active. `run_ids` are the active runs, the one that started last first."""

    def __init__(self, run_ids: Sequence[str], pid: int | None, obstacle: str | None = None) -> None:
        """`obstacle` says why no other run can start. None: the single active run is the reason."""
        if obstacle is None:
            message = f"Run {run_ids[0]} is active. Stop it first, or wait until it ends."
        else:
            message = f"{obstacle}. Stop one of these runs first, or wait until one ends: {', '.join(run_ids)}."
        super().__init__(message)
        self.run_ids = tuple(run_ids)
        self.pid = pid
        """The pid of the first one's program."""


class QueueWaits(Conflict):
    """Runs wait in the queue, and a start does not say that it may wait behind them."""

    def __init__(self, run_ids: Sequence[str]) -> None:
        first = f"Run {run_ids[0]} waits" if len(run_ids) == 1 else f"{len(run_ids)} runs wait"
        super().__init__(f"{first} in the queue. Set queue to true to queue this run too, or pause the queue.")
        self.run_id = run_ids[0]


class NotQueued(Conflict):
    """A run has no place in our queue. One that is `queued` waits in the executor's own queue, such as SLURM's."""

    def __init__(self, run_id: str, state: str, advice: str | None = None) -> None:
        if state == "queued":
            message = f"Run {run_id} has no place in the queue: its executor decides when it starts."
        else:
            message = f"Run {run_id} is not queued: it is {state}."
        super().__init__(f"{message} {advice}" if advice else message)


class NoQueue(Conflict):
    """Runs wait in the executor's own queue, which we do not pause."""

    def __init__(self, advice: str) -> None:
        super().__init__(f"The service has no queue of its own to pause. {advice}")


class RunQueued(Conflict):
    def __init__(self, run_id: str) -> None:
        super().__init__(f"Run {run_id} waits in the queue. Stop it first.")


class RunNeeded(Conflict):
    """A queued or active run resumes from the run to delete."""

    def __init__(self, run_id: str, child: str, state: str) -> None:
        super().__init__(
            f"Run {child} is {state} and resumes from run {run_id}. Stop run {child} first, or wait until it ends."
        )


class NoRoom(RunError):
    """A run cannot be launched before another one ends."""


class OtherRunActive(Conflict):
    def __init__(self, asked: str, active: Sequence[str]) -> None:
        runs = f"The active run is {active[0]}" if len(active) == 1 else f"The active runs are {', '.join(active)}"
        super().__init__(f"Run {asked!r} is not active, so it was not stopped. {runs}.")


class SeveralActive(Conflict):
    """Several runs are active, and a stop does not say which one to stop."""

    def __init__(self, active: Sequence[str]) -> None:
        super().__init__(f"Several runs are active: {', '.join(active)}. Name the one to stop as run_id.")
        self.run_ids = tuple(active)


class LaunchFailed(RunError):
    """`run_id` names the failed run. None: the run left no directory."""

    def __init__(self, reason: str, run_id: str | None) -> None:
        super().__init__(reason)
        self.run_id = run_id


class ExecutorAway(LaunchFailed):
    """The executor does not answer. The same launch may succeed later."""


class DiskFull(RunError):
    def __init__(self, folder: Path, use: str, free_mb: int, min_free_mb: int) -> None:
        super().__init__(
            f"Only {free_mb} MB are free for {use} in {folder}. A start needs {min_free_mb} MB (TRAINING_MIN_FREE_MB). "
            "Delete old runs for good, empty the trash, or free space on that disk."
        )


class Busy(TryAgain):
    """The queue for such requests is full."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Too many {what} at the same time")


class RunForeign(Conflict):
    """The directory is not ours to write into. `reason` says how we know."""

    def __init__(self, run_id: str, reason: str | None) -> None:
        super().__init__(f"Run {run_id} cannot get a title, a note or tags: {reason}.")


class NotesChanged(Conflict):
    """Somebody else has changed the notes meanwhile. `errors` has their present values."""

    def __init__(self, run_id: str, notes: Mapping[str, str | list[str] | None]) -> None:
        super().__init__(f"Somebody else has changed the {' and '.join(notes)} of run {run_id}.")
        texts = {name: ", ".join(value) if isinstance(value, list) else value for name, value in notes.items()}
        self.errors = {
            name: [f"Somebody else has changed this. It is now: {text}" if text else "Somebody else has removed this."]
            for name, text in texts.items()
        }


class DeletionRefused(RunError):
    def __init__(self, run_id: str, problem: str) -> None:
        super().__init__(f"Run {run_id} could not be deleted: {problem}.")


class TrashUnusable(Conflict):
    """A run cannot be moved to the trash, but it can be deleted."""

    def __init__(self, run_id: str, trash: Path) -> None:
        super().__init__(f"Run {run_id} is not on the same disk as the trash {trash}. Delete it for good instead.")


class NotInTrash(NotFound):
    def __init__(self, run_id: str) -> None:
        super().__init__(f"No run {run_id!r} in the trash.")


class RestoreRefused(Conflict):
    def __init__(self, run_id: str, problem: str) -> None:
        super().__init__(f"Run {run_id} could not be restored: {problem}.")
