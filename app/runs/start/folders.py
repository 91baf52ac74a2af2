"""The folders of images that a start names: where they are, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from app.runs.exceptions import InvalidStart
from app.runs.start.datasets import DatasetFolder
from app.runs.start.request import DIRECTORY_FIELDS, MISSING, TRAIN_FIELD, Errors, StartRequest
from app.runs.store.run import Run
from trainer.dataset.imagefolder import holds_classes, is_empty, list_folder
from trainer.dataset.splits import SPLITS
from trainer.experiment.experiment import Experiment
from trainer.preflight.folders import class_errors

Folders = Mapping[str, str | None]
"""By field of the request, as the request or the dataset gives them. "" if not given, None if there is no folder."""


def find_folders(asked: StartRequest, earlier: Run | None, datasets: DatasetFolder) -> Folders:
    """Collect the folders from the request, else its dataset, else the run that is resumed.

    Raises DatasetNotFound, and InvalidStart for a dataset without the folders of splits.
    """
    found: dict[str, str | None] = {name: getattr(asked, name) for name in DIRECTORY_FIELDS}
    given = {name: value for name, value in found.items() if value}
    if earlier is not None:
        found = {name: earlier.request.get(name) for name in found}
    if asked.dataset is not None:
        layout = datasets.layout(asked.dataset)
        if layout.problem is not None:
            raise InvalidStart(f"The run cannot be started: {layout.problem}.", {"dataset": [f"{layout.problem}."]})
        found |= {f"{split}_data_dir": str(path) for split, path in layout.folders.items()}
        found |= {f"{split}_data_dir": None for split in layout.missing}
    return found | given


def used_fields(experiment: Experiment) -> list[str]:
    """List the folders that the experiment uses. The program of a `command` uses those among its placeholders."""
    if experiment.command is None:
        return list(DIRECTORY_FIELDS)
    placeholders = experiment.command.placeholders()
    return [name for name in DIRECTORY_FIELDS if name in placeholders]


def folder_problems(folders: Folders, experiment: Experiment, data_roots: Sequence[Path]) -> Errors:
    """Name the folders that are missing, forbidden or not usable. Read no images."""
    used, is_ours = used_fields(experiment), experiment.command is None
    errors: Errors = {}
    for name, value in folders.items():
        if not value:
            problem = _absence_problem(name, value, is_ours) if name in used else None
        else:
            problem = _path_problem(value, name in used, is_ours, data_roots)
        if problem is not None:
            errors[name] = [problem]
    return errors


def _absence_problem(name: str, value: str | None, is_ours: bool) -> str | None:
    is_optional = is_ours and name != TRAIN_FIELD
    if value is None and is_optional:
        return None
    if value is None and not is_ours:
        return f"There is no such folder, but the command of this experiment uses {{{name}}}. Give one."
    alternative = ", or null to train without such a folder" if is_optional else ""
    return f"{MISSING} Give the folder, or `dataset`: the name of a dataset{alternative}."


def _path_problem(value: str, is_used: bool, is_ours: bool, data_roots: Sequence[Path]) -> str | None:
    try:
        path = Path(value).resolve()
        if data_roots and not any(path.is_relative_to(root) for root in data_roots):
            allowed = ", ".join(map(str, data_roots))
            return f"{value} is outside the allowed folders (TRAINING_DATA_ROOTS): {allowed}."
        if not is_used:
            return None
        if not path.is_dir():
            return f"{value} is not an existing directory on the server."
        if is_ours and (problems := list_folder(path).problems):
            return f"{problems[0].path} cannot be read: {problems[0].reason}."
        if is_ours and not holds_classes(path):
            return f"{value} contains no classes: it must have one folder per class with images in it."
    except (OSError, ValueError, RuntimeError) as error:
        return f"{value!r} cannot be used: {error}"
    return None


def class_problems(folders: Folders) -> Errors:
    """Compare the names of the class folders of the splits."""
    classes = {
        split: [each.name for each in list_folder(Path(path)).folders if not is_empty(each)]
        for split in SPLITS
        if (path := folders[f"{split}_data_dir"])
    }
    errors: Errors = {}
    for finding in class_errors(classes):
        errors.setdefault(f"{finding.split}_data_dir", []).append(f"{finding.message}.")
    return errors
