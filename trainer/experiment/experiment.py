"""The experiment: one YAML file that says everything about a training, read strictly into typed, frozen dataclasses.

A file holds either the sections of our own trainer (`model` to `export`), or `command`, any other training program,
with the sections that say what it leaves behind (`metrics`, `log`, `models`). The sections are defined in sections.py,
data.py, command.py and outputs.py. No torch: the service imports this module.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

from marshmallow import ValidationError
from marshmallow.validate import Length

from trainer.experiment import hydra, strict_yaml
from trainer.experiment.command import Command
from trainer.experiment.command_parameters import CommandParameter
from trainer.experiment.data import Data
from trainer.experiment.outputs import LogOutput, MetricsOutput, ModelsOutput
from trainer.experiment.schema import UNKNOWN, between, flatten_errors, parameter, schema_of, walk
from trainer.experiment.sections import (
    Checkpoint,
    EarlyStopping,
    Export,
    Loss,
    Model,
    Optimizer,
    Scheduler,
    Trainer,
)
from trainer.experiment.suggestions import explain_unknown
from trainer.runfile import RunFile

OUTPUTS = ("metrics", "log", "models")
"""The sections that say what the program of a `command` leaves behind."""
_OF_COMMAND = ("command", *OUTPUTS)
_EVERYWHERE = ("description",)


class ExperimentInvalid(ValueError):
    """The experiment cannot be used; `errors` maps each dotted path ("" = the file) to what would be right."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        self.errors = errors
        said = "; ".join(f"{key}: {'; '.join(texts)}" if key else "; ".join(texts) for key, texts in errors.items())
        super().__init__(" ".join(said.split()))


@dataclass(frozen=True)
class Experiment:
    """One experiment. With a `command` the sections of our trainer have their defaults and no meaning."""

    description: str = parameter(
        "",
        Length(max=1_000, error="must have at most 1,000 characters"),
        doc="what the experiment is for. It is only shown",
    )
    command: Command | None = parameter(None, doc="another training program, instead of the sections below")
    metrics: MetricsOutput = parameter(MetricsOutput(), doc="the metrics of a command")
    log: LogOutput = parameter(LogOutput(), doc="what to read from the log of a command")
    models: ModelsOutput = parameter(ModelsOutput(), doc="the models of a command")
    seed: int = parameter(
        0, between(0, 2**32 - 1), doc="seed of everything random: weights, order of images, augmentation, mixing"
    )
    loggers: tuple[Literal["csv", "tensorboard", "mlflow"], ...] = parameter(
        ("csv",),
        doc="where metrics go. csv is required, because the service follows it. tensorboard = event files in"
        " tensorboard/ of the run directory. mlflow (the extra mlflow) = the server of MLFLOW_TRACKING_URI,"
        " else mlflow/ of the run directory",
    )
    model: Model = parameter(Model(), doc="the network")
    data: Data = parameter(Data(), doc="from images to batches")
    loss: Loss = parameter(Loss(), doc="the loss function")
    optimizer: Optimizer = parameter(Optimizer(), doc="how the weights are updated")
    scheduler: Scheduler = parameter(Scheduler(), doc="the learning rate over the run")
    trainer: Trainer = parameter(Trainer(), doc="how long to train, and on which devices")
    early_stopping: EarlyStopping = parameter(EarlyStopping(), doc="when to end before max_epochs")
    checkpoint: Checkpoint = parameter(Checkpoint(), doc="which checkpoints are kept")
    export: Export = parameter(Export(), doc="the ONNX file")

    def problems(self) -> Iterator[tuple[str, str]]:
        if "csv" not in self.loggers:
            yield "loggers", "must contain csv, which the service follows"
        if self.loss.class_weights == "balanced" and self.data.sampling == "balanced":
            yield "loss", "class_weights and data.sampling must not both be balanced: small classes would count twice"
        if self.data.batch_size % len(self.trainer.devices):
            yield (
                "data",
                f"batch_size must be a multiple of the number of trainer.devices ({len(self.trainer.devices)})",
            )


def load(file: Path | RunFile, overrides: Mapping[str, object] | None = None) -> Experiment:
    """Read and validate an experiment file, with other values of parameters. Raises ExperimentInvalid.

    `overrides` are by dotted path, or for a command by the names of its own parameters.
    """
    text = ""
    try:
        text = strict_yaml.read_text(file)
        content = strict_yaml.parse(text)
        if not isinstance(content, dict):
            raise ExperimentInvalid(
                {"": ["must be a mapping of sections, such as `command:`, or `model:` and `trainer:`"]}
            )
        return parse(content, overrides)
    except (strict_yaml.YamlInvalid, ExperimentInvalid) as error:
        if hydra.is_configuration(text):
            raise ExperimentInvalid({"": [hydra.ADVICE]}) from error
        if isinstance(error, ExperimentInvalid):
            raise
        raise ExperimentInvalid({"": [str(error)]}) from error


def parse(content: Mapping[str, Any], overrides: Mapping[str, object] | None = None) -> Experiment:
    """Validate the content of an experiment file. Raises ExperimentInvalid."""
    is_command = content.get("command") is not None
    if not is_command:
        content = _override(content, overrides or {})
    if misplaced := _misplaced(content, is_command):
        raise ExperimentInvalid(misplaced)
    try:
        experiment: Experiment = schema_of(Experiment).load(dict(content))
    except ValidationError as error:
        known = known_paths(is_command) + _paths_in_parameters(content)
        raise ExperimentInvalid(_explained(flatten_errors(error.messages), known)) from error
    return _override_command(experiment, overrides or {}) if is_command else experiment


def _misplaced(content: Mapping[str, Any], is_command: bool) -> dict[str, list[str]]:
    """Return errors for sections that belong to the other kind of experiment, or for a missing kind."""
    if is_command:
        ours = [each.name for each in fields(Experiment) if not _belongs(each.name, is_command)]
        return {key: ["is not allowed together with command"] for key in content if key in ours}
    if content.get("model") is None:
        return {"model": ["is required (or command, for another training program)"]}
    return {key: ["is only for a command; our own trainer does not use it"] for key in content if key in OUTPUTS}


def known_paths(is_command: bool) -> list[str]:
    """List the dotted path of every section and parameter of one kind of experiment, in file order."""
    return [path for path, _, _ in walk(Experiment) if _belongs(path.partition(".")[0], is_command)]


def _belongs(section: str, is_command: bool) -> bool:
    """Whether a section may stand in this kind of experiment."""
    return section in _EVERYWHERE or is_command == (section in _OF_COMMAND)


def _paths_in_parameters(content: Mapping[str, Any]) -> list[str]:
    """List the dotted paths below command.parameters, whose names are the file's own."""
    command = content.get("command")
    parameters = command.get("parameters") if isinstance(command, dict) else None
    names = parameters if isinstance(parameters, dict) else ()
    return [f"command.parameters.{name}.{each.name}" for name in names for each in fields(CommandParameter)]


def _explained(errors: dict[str, list[str]], known: list[str]) -> dict[str, list[str]]:
    """Explain unknown keys by the `known` ones."""
    return {
        path: [explain_unknown(path, known) if text == UNKNOWN else text for text in texts]
        for path, texts in errors.items()
    }


def dump(experiment: Experiment) -> dict[str, Any]:
    """Return the experiment as JSON content with every default filled in. `parse` reads it back equal."""
    content: dict[str, Any] = _plain(asdict(experiment))
    is_command = experiment.command is not None
    return {name: value for name, value in content.items() if _belongs(name, is_command)}


def flatten(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Turn `{"a": {"b": 1}}` into `{"a.b": 1}`."""
    flat: dict[str, Any] = {}
    for name, value in content.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


def to_yaml(experiment: Experiment) -> str:
    """Return the experiment as the text of a file. `load` reads it back equal."""
    return strict_yaml.write(dump(experiment))


def list_parameters() -> list[str]:
    """List the dotted path of every parameter that an override may set, in file order."""
    return [path for path, _, hint in walk(Experiment) if not is_dataclass(hint) and not is_only_in_file(path)]


def is_only_in_file(path: str) -> bool:
    """Whether only a file may set the parameter: a client who may start a run must not run any program or class."""
    return path == "model.class_path" or path.partition(".")[0] in _OF_COMMAND


def _override_command(experiment: Experiment, overrides: Mapping[str, object]) -> Experiment:
    """Set parameters of a command. Nothing else of its experiment can be overridden."""
    assert experiment.command is not None
    command, errors = experiment.command.override(overrides)
    for path in errors:
        if is_only_in_file(path) or path in _EVERYWHERE:
            errors[path] = ["can only be set in the experiment file"]
    if errors:
        raise ExperimentInvalid({f"overrides.{path}": texts for path, texts in errors.items()})
    return replace(experiment, command=command)


def _override(content: Mapping[str, Any], overrides: Mapping[str, object]) -> dict[str, Any]:
    changed = copy.deepcopy(dict(content))
    known, errors = list_parameters(), {}
    for path, value in overrides.items():
        if is_only_in_file(path):
            errors[f"overrides.{path}"] = ["can only be set in the experiment file"]
        elif path not in known and not path.startswith(("model.config.", "model.init_args.")):
            below = [each for each in known if each.startswith(f"{path}.")]
            said = f"is a section; set one of {', '.join(below)}" if below else explain_unknown(path, known)
            errors[f"overrides.{path}"] = [said]
        elif not _assign(changed, path.split("."), value):
            errors[f"overrides.{path}"] = ["is below a value that is not a mapping in the experiment file"]
    if errors:
        raise ExperimentInvalid(errors)
    return changed


def _assign(content: dict[str, Any], names: list[str], value: object) -> bool:
    for name in names[:-1]:
        content = content.setdefault(name, {})
        if not isinstance(content, dict):
            return False
    content[names[-1]] = copy.deepcopy(value)
    return True


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
