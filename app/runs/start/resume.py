"""Whether a run can be resumed as a start request asks."""

from __future__ import annotations

from pathlib import Path

from app.runs.exceptions import InvalidStart
from app.runs.start.folders import Folders
from app.runs.start.request import TRAIN_FIELD, Errors, StartRequest
from app.runs.store.run import Run
from trainer.dataset.imagefolder import holds_images, list_folder
from trainer.experiment import resumable
from trainer.experiment.experiment import Experiment
from trainer.experiment.resumable import ResumeImpossible
from trainer.rundir import is_there


def refuse_foreign(earlier: Run) -> None:
    """Raise InvalidStart for a directory that the service did not make: its config.yaml may be another program's."""
    if not earlier.is_ours:
        problem = f"Run {earlier.run_id} cannot be resumed: {earlier.reason}."
        raise InvalidStart(problem, {"resume_from": [problem]})


def resume_problems(earlier: Run, experiment: Experiment, asked: StartRequest) -> Errors:
    """Say why `earlier` cannot be resumed, or which parameters must be others."""
    if experiment.command is not None:
        return {"resume_from": ["A `command` experiment has no checkpoint of ours to resume from."]}
    if earlier.is_active:
        return {"resume_from": [f"Run {earlier.run_id} is still active; stop it first."]}
    try:
        state = resumable.read_last_state(earlier.directory)
    except ResumeImpossible as error:
        return {"resume_from": [str(error)]}
    return asked.by_field(resumable.problems(state, experiment, is_complete=is_there(earlier.directory.result)))


def changed_classes(earlier: Run, folders: Folders) -> Errors:
    """Name the classes of the train folder that are not those of `earlier`, which must have no `resume_problems`."""
    names = [each.name for each in list_folder(Path(str(folders[TRAIN_FIELD]))).folders if holds_images(each)]
    problem = resumable.data_problem(resumable.read_last_state(earlier.directory), names, None)
    return {TRAIN_FIELD: [problem]} if problem else {}
