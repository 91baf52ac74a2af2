"""What a start request must fulfil before anything is written: the experiment, the folders, the run to resume."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.runs.exceptions import InvalidStart
from app.runs.executors.local import launcher
from app.runs.start import machine, program
from app.runs.start.datasets import DatasetFolder
from app.runs.start.experiments import ExperimentFolder, load_file
from app.runs.start.preflight import NOT_CHECKED, Preflight, Report
from app.runs.store.run import Run
from app.runs.store.store import RunStore
from trainer.dataset.imagefolder import holds_classes, holds_images, is_empty, list_folder
from trainer.dataset.splits import SPLITS
from trainer.experiment import resumable
from trainer.experiment.command import Command
from trainer.experiment.data import Data
from trainer.experiment.experiment import Experiment
from trainer.experiment.resumable import ResumeImpossible
from trainer.preflight.folders import class_errors
from trainer.rundir import RunDir, is_there

DIRECTORY_FIELDS = tuple(f"{split}_data_dir" for split in SPLITS)
TRAIN_FIELD = DIRECTORY_FIELDS[0]
MISSING = "Missing data for required field."
NOT_GIVEN = ""
"""A folder that a request does not name. One that is null there is none: val and test can do without."""
MAX_TOLD_FILES = 5


@dataclass(frozen=True)
class StartRequest:
    """A start request as it came: well formed, nothing checked against the disk."""

    config_name: str | None = None
    train_data_dir: str | None = NOT_GIVEN
    val_data_dir: str | None = NOT_GIVEN
    test_data_dir: str | None = NOT_GIVEN
    dataset: str | None = None
    model_name: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    resume_from: str | None = None


@dataclass(frozen=True)
class Plan:
    """A request that can be carried out. `request` has every value filled in and goes into run.json."""

    experiment: Experiment
    request: dict[str, Any]
    resume_from: RunDir | None
    preflight: Report | None
    """What was found of the images; None for a `command`, whose data are its own affair."""


class Planner:
    """Check start requests against the disk.

    A start waits `preflight_s` seconds for the check of its images; what is not checked by then is a warning.
    """

    def __init__(
        self,
        store: RunStore,
        experiments: ExperimentFolder,
        datasets: DatasetFolder,
        data_roots: Iterable[Path],
        preflight: Preflight,
        preflight_s: float = 20.0,
    ) -> None:
        self._store = store
        self._experiments = experiments
        self._datasets = datasets
        self._data_roots = [root.resolve() for root in data_roots]
        self._preflight = preflight
        self._preflight_s = preflight_s

    def plan(self, asked: StartRequest) -> Plan:
        """Return what to launch. Raises NotFound for what is named and not there, InvalidStart with every wrong field.

        A resumed run takes what the request leaves out from the run it continues.
        """
        plan = self.plan_unseen(asked)
        if plan.experiment.command is not None:
            return plan
        is_whole = asked.dataset is not None and not any(getattr(asked, name) for name in DIRECTORY_FIELDS)
        dataset = self._datasets.find(asked.dataset) if asked.dataset is not None and is_whole else None
        return replace(plan, preflight=self._check_images(plan.request, dataset, plan.experiment.data))

    def plan_unseen(self, asked: StartRequest) -> Plan:
        """As `plan`, without a look inside the images: takes no time."""
        earlier = self._store.find(asked.resume_from) if asked.resume_from is not None else None
        if earlier is not None:
            _refuse_foreign(earlier)
        experiment = self._experiment(asked, earlier)
        directories = self._directories(asked, earlier)
        errors = self._errors(asked, earlier, experiment, directories)
        used = self._used(experiment)
        request = {
            "config_name": self._config_name(asked, earlier),
            **{
                name: str(Path(value).absolute()) if value and name in used else None
                for name, value in directories.items()
            },
            "dataset": asked.dataset if used and not getattr(asked, used[0]) else None,
            "model_name": asked.model_name or (earlier and earlier.model_name) or "model",
            "overrides": dict(asked.overrides),
            "resume_from": asked.resume_from,
        }
        if experiment.command is not None and not errors:
            errors = self._command_problems(experiment.command, request)
        if errors:
            raise InvalidStart("The run cannot be started: " + _sentence(errors), errors)
        return Plan(experiment, request, earlier.directory if earlier else None, None)

    def _errors(
        self, asked: StartRequest, earlier: Run | None, experiment: Experiment, directories: Mapping[str, str | None]
    ) -> dict[str, list[str]]:
        errors = {} if earlier is None else _resume_errors(earlier, experiment, asked)
        used = self._used(experiment)
        for name, value in directories.items():
            problem = self._directory_problem(name, value, name in used, is_ours=experiment.command is None)
            if problem is not None:
                errors[name] = [problem]
        if experiment.command is not None:
            return errors
        errors |= {_field_of(name, asked): texts for name, texts in machine.problems(experiment).items()}
        return errors or _class_problems(earlier, directories)

    def _command_problems(self, command: Command, request: dict[str, Any]) -> dict[str, list[str]]:
        output_dir = RunDir(self._store.runs_dir / "RUN_ID").output  # a stand-in: the run has no id yet
        return program.find_problems(launcher.fill(command, output_dir, request), output_dir, launcher.environment())

    def _check_images(self, directories: Mapping[str, str | None], dataset: Path | None, data: Data) -> Report:
        """Return the report on the images. Raises InvalidStart when they cannot be trained on.

        All of a `dataset` is checked as such: then its report is often there already, because a form has shown it.
        """
        allowed = {NOT_CHECKED, *(["unreadable"] if data.skip_unreadable else [])}
        splits = {split: Path(path) for split in SPLITS if (path := directories[f"{split}_data_dir"])}
        report = self._preflight.check(dataset or splits, self._preflight_s, is_urgent=True)
        errors: dict[str, list[str]] = {}
        for finding in report["errors"]:
            if finding["kind"] not in allowed:
                name = f"{finding['split']}_data_dir" if finding["split"] else "dataset"
                errors.setdefault(name, []).append(_tell(finding))
        if errors:
            raise InvalidStart("The images cannot be trained on: " + _sentence(errors), errors)
        return report

    def _experiment(self, asked: StartRequest, earlier: Run | None) -> Experiment:
        try:
            if asked.config_name is not None:
                return self._experiments.load(asked.config_name, asked.overrides)
            if earlier is not None:
                # Its own copy: the experiment file may have changed since.
                return load_file(earlier.directory.file(earlier.directory.config), asked.overrides)
        except InvalidStart as error:
            by_field = {_field_of(key, asked): texts for key, texts in error.errors.items()}
            raise InvalidStart(str(error), by_field) from error
        missing = ["config_name", *DIRECTORY_FIELDS] if asked.dataset is None else ["config_name"]
        errors = {name: [MISSING] for name in missing if not getattr(asked, name)}
        raise InvalidStart("The run cannot be started: " + _sentence(errors), errors)

    def _config_name(self, asked: StartRequest, earlier: Run | None) -> str | None:
        if asked.config_name is not None:
            return self._experiments.path(asked.config_name).name
        return earlier.config_name if earlier else None

    def _directories(self, asked: StartRequest, earlier: Run | None) -> dict[str, str | None]:
        known: dict[str, str | None] = {name: getattr(asked, name) for name in DIRECTORY_FIELDS}
        given = {name: value for name, value in known.items() if value}
        if earlier is not None:
            known = {name: _text(earlier.request.get(name)) for name in known}
        if asked.dataset is not None:
            layout = self._datasets.layout(asked.dataset)
            if layout.problem is not None:
                raise InvalidStart(f"The run cannot be started: {layout.problem}.", {"dataset": [f"{layout.problem}."]})
            known |= {f"{split}_data_dir": str(path) for split, path in layout.folders.items()}
            known |= {f"{split}_data_dir": None for split in layout.missing}
        return known | given

    @staticmethod
    def _used(experiment: Experiment) -> list[str]:
        """A `command` experiment needs only the folders that its program is given."""
        if experiment.command is None:
            return list(DIRECTORY_FIELDS)
        used = experiment.command.placeholders()
        return [name for name in DIRECTORY_FIELDS if name in used]

    def _directory_problem(self, name: str, value: str | None, is_used: bool, is_ours: bool) -> str | None:
        may_be_none = is_ours and name != TRAIN_FIELD
        if value is None and may_be_none:
            return None
        if value is None and is_used and not is_ours:
            return f"There is no such folder, but this experiment's program is given {{{name}}}: give one."
        if not value:
            alternative = ", or null to train without such a folder" if may_be_none else ""
            return f"{MISSING} Give the folder, or `dataset`: the name of a dataset{alternative}." if is_used else None
        try:
            path = Path(value).resolve()
            if self._data_roots and not any(path.is_relative_to(root) for root in self._data_roots):
                allowed = ", ".join(map(str, self._data_roots))
                return f"{value} lies outside of the allowed folders (TRAINING_DATA_ROOTS): {allowed}."
            if not is_used:
                return None
            if not path.is_dir():
                return f"{value} is not an existing directory on the server."
            if is_ours and (problems := list_folder(path).problems):
                return f"{problems[0].path} cannot be read: {problems[0].reason}."
            if is_ours and not holds_classes(path):
                return f"{value} holds no classes: it must have one folder per class with images in it."
        except (OSError, ValueError, RuntimeError) as error:
            return f"{value!r} cannot be used: {error}"
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _field_of(key: str, asked: StartRequest) -> str:
    """Name an experiment's key as the request knows it: what an override set is the override's fault."""
    if not key:
        return "resume_from" if asked.config_name is None else "config_name"
    return f"overrides.{key}" if key in asked.overrides else key


def _refuse_foreign(earlier: Run) -> None:
    """Raise InvalidStart for a directory whose config.yaml and checkpoints are not known to be ours."""
    if not earlier.is_ours:
        problem = f"Run {earlier.run_id} cannot be resumed: {earlier.reason}."
        raise InvalidStart(problem, {"resume_from": [problem]})


def _resume_errors(earlier: Run, experiment: Experiment, asked: StartRequest) -> dict[str, list[str]]:
    """Why `earlier` cannot be resumed, or which settings it cannot be resumed with."""
    if experiment.command is not None:
        return {"resume_from": ["A `command` experiment has no checkpoint of ours to resume from."]}
    if earlier.is_active:
        return {"resume_from": [f"Run {earlier.run_id} is still active; stop it first."]}
    try:
        state = resumable.read_last_state(earlier.directory)
    except ResumeImpossible as error:
        return {"resume_from": [str(error)]}
    errors = resumable.problems(state, experiment, is_complete=is_there(earlier.directory.result))
    return {_field_of(name, asked): texts for name, texts in errors.items()}


def _class_problems(earlier: Run | None, directories: Mapping[str, str | None]) -> dict[str, list[str]]:
    """What is wrong with the names of the class folders, which cost no look at the images."""
    if earlier is not None:
        folders = list_folder(Path(str(directories[TRAIN_FIELD]))).folders
        names = [each.name for each in folders if holds_images(each)]
        if problem := resumable.data_problem(resumable.read_last_state(earlier.directory), names, None):
            return {TRAIN_FIELD: [problem]}
    classes = {
        split: [each.name for each in list_folder(Path(path)).folders if not is_empty(each)]
        for split in SPLITS
        if (path := directories[f"{split}_data_dir"])
    }
    errors: dict[str, list[str]] = {}
    for finding in class_errors(classes):
        errors.setdefault(f"{finding.split}_data_dir", []).append(f"{finding.message}.")
    return errors


def _tell(finding: Mapping[str, Any]) -> str:
    """A finding as a sentence, with the first of its files."""
    files = finding["files"][:MAX_TOLD_FILES]
    more = finding["count"] - len(files)
    listed = ", ".join(files) + (f" and {more:,} more" if more > 0 else "")
    return f"{finding['message']}: {listed}." if listed else f"{finding['message']}."


def _sentence(errors: dict[str, list[str]]) -> str:
    return " ".join(f"{name}: {' '.join(texts)}" for name, texts in errors.items())
