"""Whether a run can be resumed as a start request asks."""

from __future__ import annotations

from pathlib import Path

from app.runs.exceptions import InvalidStart, RunNotFound
from app.runs.globs import has_match
from app.runs.start.folders import Folders
from app.runs.start.request import TRAIN_FIELD, Errors, StartRequest
from app.runs.store.resume import has_left
from app.runs.store.run import Run
from app.runs.store.store import RunStore
from trainer.dataset.imagefolder import holds_images, list_folder
from trainer.experiment import experiment, resumable, resume_arguments
from trainer.experiment.command import Command
from trainer.experiment.experiment import Experiment, ExperimentInvalid
from trainer.experiment.resumable import ResumeImpossible
from trainer.rundir import is_there


def refuse_foreign(earlier: Run) -> None:
    """Raise InvalidStart for a directory that the service did not create: its config.yaml may be another program's."""
    if not earlier.is_ours:
        problem = f"Run {earlier.run_id} cannot be resumed: {earlier.reason}."
        raise InvalidStart(problem, {"resume_from": [problem]})


def resume_problems(earlier: Run, wanted: Experiment, asked: StartRequest, is_same_file: bool) -> Errors:
    """Say why `earlier` cannot be resumed, or which parameters must be others.

    `is_same_file` means that the experiment file has the name of the earlier run's.
    """
    if not earlier.is_over:
        return {"resume_from": [f"Run {earlier.run_id} is {earlier.state}; wait until it ends, or stop it first."]}
    if wanted.command is not None:
        problem = _command_problem(earlier, wanted.command, is_same_file)
        return {"resume_from": [problem]} if problem else {}
    try:
        state = resumable.read_last_state(earlier.directory)
    except ResumeImpossible as error:
        return {"resume_from": [str(error)]}
    return asked.by_field(resumable.problems(state, wanted, is_complete=is_there(earlier.directory.result)))


def lost_parent(store: RunStore, run: Run) -> str | None:
    """Say why a run that could resume when it was queued cannot any more. None if it can, or resumes from no run."""
    parent = run.request.get("resume_from")
    if not isinstance(parent, str):
        return None
    try:
        earlier = store.find(parent)
    except RunNotFound:
        return f"run {parent}, from which it resumes, is gone"
    if not has_left(earlier.directory, run.needed_to_resume):
        return f"run {parent} no longer has the files to resume from"
    return None


def _command_problem(earlier: Run, command: Command, is_same_file: bool) -> str | None:
    """Say why the program of a command cannot resume `earlier`."""
    if command.resume is None:
        return "The program of this experiment cannot resume a run: its command has no `resume`."
    if not (is_same_file or _argv_of(earlier) == command.argv):
        theirs = f"of {earlier.config_name}" if earlier.config_name else "of another experiment"
        return f"Run {earlier.run_id} is {theirs}, whose files this program cannot resume from."
    output = earlier.directory.output
    if not output.is_dir():
        return f"Run {earlier.run_id} has no output folder, so there is nothing to resume from."
    missing = [path for path in resume_arguments.paths(command.resume) if not has_match(output, path)]
    if missing:
        return f"Run {earlier.run_id} has not written {', '.join(missing)}, so there is nothing to resume from."
    return None


def _argv_of(run: Run) -> tuple[str, ...] | None:
    try:
        command = experiment.load(run.directory.file(run.directory.config)).command
    except ExperimentInvalid:
        return None
    return command.argv if command is not None else None


def changed_classes(earlier: Run, folders: Folders) -> Errors:
    """Name the classes of the train folder that are not those of `earlier`, which must have no `resume_problems`."""
    names = [each.name for each in list_folder(Path(str(folders[TRAIN_FIELD]))).folders if holds_images(each)]
    problem = resumable.data_problem(resumable.read_last_state(earlier.directory), names, None)
    return {TRAIN_FIELD: [problem]} if problem else {}
