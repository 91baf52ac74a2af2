"""Check a start request against the disk, and fill in what it leaves out, before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from app.runs import child
from app.runs.exceptions import InvalidStart
from app.runs.executors import invocation
from app.runs.executors.executor import Executor, Needs
from app.runs.start import machine, program
from app.runs.start.datasets import DatasetFolder
from app.runs.start.experiments import ExperimentFolder, load_file
from app.runs.start.folders import Folders, class_problems, find_folders, folder_problems, used_fields
from app.runs.start.needs import gpu_problems, needs_of, priority_problems
from app.runs.start.preflight import NOT_CHECKED, Preflight, Report
from app.runs.start.request import DIRECTORY_FIELDS, MISSING, Errors, StartRequest, invalid
from app.runs.start.resume import changed_classes, refuse_foreign, resume_problems
from app.runs.store.run import Run
from app.runs.store.store import RunStore
from trainer.dataset.splits import SPLITS
from trainer.experiment import resume_arguments
from trainer.experiment.command import Command
from trainer.experiment.experiment import OUTPUTS, Experiment, dump
from trainer.manifest import RunRequest
from trainer.rundir import RunDir

MAX_NAMED_FILES = 5


@dataclass(frozen=True)
class Plan:
    """A request that can be carried out."""

    experiment: Experiment
    request: RunRequest
    preflight: Report | None
    """The report on the images. None for a `command`, whose data the service does not check."""
    home: Path
    """The folder in which a `command` executes unless it sets `cwd`."""
    needs: Needs = Needs()
    """What the run needs before it can be launched."""
    resume_dir: Path | None = None
    """The output folder of the run that a `command` resumes."""

    @property
    def declared(self) -> dict[str, Any]:
        """What run.json keeps of the experiment of a `command`: its outputs, its values, how to resume it."""
        command, content = self.experiment.command, dump(self.experiment)
        if command is None:
            return {}
        return {
            "outputs": {name: content[name] for name in OUTPUTS},
            "parameters": command.values(),
            "resume": None if command.resume is None else resume_arguments.paths(command.resume),
        }


class Planner:
    """Make plans of start requests.

    A start waits `preflight_s` seconds for the check of its images. Images that are not checked by then are a warning.
    """

    def __init__(
        self,
        store: RunStore,
        executor: Executor,
        experiments: ExperimentFolder,
        datasets: DatasetFolder,
        data_roots: Iterable[Path],
        preflight: Preflight,
        home: Path,
        preflight_s: float = 20.0,
        offload: Callable[[Callable[[], Plan]], Plan] = lambda compute: compute(),
    ) -> None:
        """`home` is the folder in which commands execute. `offload` calls slow functions without blocking others."""
        self._store = store
        self._executor = executor
        self._experiments = experiments
        self._datasets = datasets
        self._data_roots = [root.resolve() for root in data_roots]
        self._preflight = preflight
        self._home = home
        self._preflight_s = preflight_s
        self._offload = offload

    def plan(self, asked: StartRequest) -> Plan:
        """Validate the request and check its images. Raises NotFound, InvalidStart with every wrong field."""
        plan = self.validate(asked)
        if plan.experiment.command is not None:
            return plan
        return replace(plan, preflight=self._check_images(asked, plan))

    def validate(self, asked: StartRequest) -> Plan:
        """Validate everything but the content of the images. Raises as `plan` does.

        What the request leaves out comes from the run that it resumes.
        """
        return self._offload(lambda: self._validate(asked))

    def _validate(self, asked: StartRequest) -> Plan:
        earlier = self._store.find(asked.resume_from) if asked.resume_from is not None else None
        if earlier is not None:
            refuse_foreign(earlier)
        experiment = self._experiment(asked, earlier)
        folders = find_folders(asked, earlier, self._datasets)
        errors = self._errors(asked, earlier, experiment, folders)
        request = self._request(asked, earlier, folders, used_fields(experiment))
        resume_dir = earlier.directory.output if earlier is not None and experiment.command is not None else None
        if experiment.command is not None and not errors:
            errors = self._command_problems(experiment.command, request, resume_dir)
        if errors:
            raise invalid(errors)
        needs = needs_of(asked, experiment, self._executor)
        return Plan(experiment, request, None, self._home, needs, resume_dir)

    def _request(self, asked: StartRequest, earlier: Run | None, folders: Folders, used: list[str]) -> RunRequest:
        paths = {name: folders[name] if name in used else None for name in DIRECTORY_FIELDS}
        return RunRequest(
            config_name=self._config_name(asked, earlier),
            **{name: str(Path(path).absolute()) if path else None for name, path in paths.items()},
            dataset=asked.dataset if used and not getattr(asked, used[0]) else None,
            model_name=asked.model_name or (earlier and earlier.model_name) or "model",
            overrides=dict(asked.overrides),
            resume_from=asked.resume_from,
            gpus=asked.gpus,
        )

    def _errors(self, asked: StartRequest, earlier: Run | None, experiment: Experiment, folders: Folders) -> Errors:
        errors = {}
        if earlier is not None:
            config_name = self._config_name(asked, earlier)
            errors = resume_problems(earlier, experiment, asked, is_same_file=config_name == earlier.config_name)
        errors |= folder_problems(folders, experiment, self._data_roots)
        errors |= gpu_problems(asked, experiment, self._executor) | priority_problems(asked, self._executor)
        if experiment.command is not None:
            return errors
        errors |= asked.by_field(machine.problems(experiment, self._executor.accelerators()))
        if not errors and earlier is not None:
            errors = changed_classes(earlier, folders)
        return errors or class_problems(folders)

    def _command_problems(self, command: Command, request: RunRequest, resume_dir: Path | None) -> Errors:
        if command.reads_as_option("config_name", request.config_name or ""):
            problem = "An argument of the command begins with {config_name}, so the program would take it for an option"
            return {"config_name": [f"{problem}. Rename the file: its name must not begin with -."]}
        output_dir = RunDir(self._store.runs_dir / "RUN_ID").output  # A stand-in: the run has no id yet.
        filled = invocation.fill(command, self._home, output_dir, request, resume_dir)
        return program.find_problems(filled, output_dir, child.environment())

    def _check_images(self, asked: StartRequest, plan: Plan) -> Report:
        """Return the report on the images. Raises InvalidStart if they cannot be trained on.

        If the request names only a dataset, the dataset is checked: the form has often asked for that report before.
        """
        folders = asdict(plan.request)
        checked: Path | dict[str, Path] = {
            split: Path(path) for split in SPLITS if (path := folders[f"{split}_data_dir"])
        }
        if asked.dataset is not None and not any(getattr(asked, name) for name in DIRECTORY_FIELDS):
            checked = self._datasets.find(asked.dataset)
        report = self._preflight.check(checked, self._preflight_s, is_urgent=True)
        tolerated = {NOT_CHECKED, *(["unreadable"] if plan.experiment.data.skip_unreadable else [])}
        errors: Errors = {}
        for finding in report["errors"]:
            if finding["kind"] not in tolerated:
                name = f"{finding['split']}_data_dir" if finding["split"] else "dataset"
                errors.setdefault(name, []).append(_sentence(finding))
        if errors:
            raise invalid(errors, "The images cannot be trained on")
        return report

    def _experiment(self, asked: StartRequest, earlier: Run | None) -> Experiment:
        try:
            if asked.config_name is not None:
                return self._experiments.load(asked.config_name, asked.overrides)
            if earlier is not None:
                # Its own copy, because the experiment file may have changed since.
                return load_file(earlier.directory.file(earlier.directory.config), asked.overrides)
        except InvalidStart as error:
            errors = asked.by_field(error.errors)
            if all(name.startswith("overrides.") for name in errors):
                raise invalid(errors) from error
            raise InvalidStart(str(error), errors) from error
        missing = {"config_name": [f"{MISSING} Name an experiment, or a run to resume as `resume_from`."]}
        if asked.dataset is None:
            folders = (name for name in DIRECTORY_FIELDS if not getattr(asked, name))
            missing |= {name: [f"{MISSING} Give the folder, or a `dataset`."] for name in folders}
        raise invalid(missing)

    def _config_name(self, asked: StartRequest, earlier: Run | None) -> str | None:
        if asked.config_name is not None:
            return self._experiments.path(asked.config_name).name
        return earlier.config_name if earlier else None


def _sentence(finding: Mapping[str, Any]) -> str:
    """Write a finding as a sentence with its first files."""
    files = finding["files"][:MAX_NAMED_FILES]
    more = finding["count"] - len(files)
    listed = ", ".join(files) + (f" and {more:,} more" if more > 0 else "")
    return f"{finding['message']}: {listed}." if listed else f"{finding['message']}."
