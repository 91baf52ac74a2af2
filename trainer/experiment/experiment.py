"""The experiment: one YAML file that says everything about a training, read strictly into typed, frozen dataclasses.

A file holds either the sections of our own trainer (`model` to `export`) or `command`, any other training program.
The sections are defined in sections.py and data.py. No torch: the service imports this module.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints

from marshmallow import ValidationError
from marshmallow.validate import Length

from trainer.experiment import strict_yaml
from trainer.experiment.command import Command
from trainer.experiment.data import Data
from trainer.experiment.schema import UNKNOWN, between, flatten_errors, list_paths, parameter, schema_of
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

__all__ = ["Command", "Experiment", "ExperimentInvalid", "dump", "list_parameters", "load", "parse", "to_yaml"]


NOT_OVERRIDABLE = ("command", "class_path")
"""Whoever may start a run may not thereby run any program or class: only the file names them."""


class ExperimentInvalid(ValueError):
    """The experiment cannot be used; `errors` maps each dotted path ("" = the file) to what would be right."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        self.errors = errors
        said = "; ".join(f"{key}: {'; '.join(texts)}" if key else "; ".join(texts) for key, texts in errors.items())
        super().__init__(" ".join(said.split()))


@dataclass(frozen=True)
class Experiment:
    """One experiment. With a `command` every other section has its default and no meaning."""

    description: str = parameter(
        "",
        Length(max=1_000, error="must have at most 1,000 characters"),
        doc="what the experiment is for. It is only shown",
    )
    command: Command | None = parameter(None, doc="another training program, instead of the sections below")
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
            yield "loggers", "must hold csv, which is what the service follows"
        if self.loss.class_weights == "balanced" and self.data.sampling == "balanced":
            yield "loss", "class_weights and data.sampling must not both be balanced: small classes would count twice"
        if self.data.batch_size % len(self.trainer.devices):
            yield (
                "data",
                f"batch_size must be a multiple of the number of trainer.devices ({len(self.trainer.devices)})",
            )


def load(file: Path | RunFile, overrides: Mapping[str, object] | None = None) -> Experiment:
    """Read and validate an experiment file, single settings replaced by dotted path. Raises ExperimentInvalid."""
    try:
        content = strict_yaml.read(file)
    except strict_yaml.YamlInvalid as error:
        raise ExperimentInvalid({"": [str(error)]}) from error
    if not isinstance(content, dict):
        raise ExperimentInvalid({"": ["must be a mapping of sections, like `model:` and `trainer:`"]})
    return parse(content, overrides)


def parse(content: Mapping[str, Any], overrides: Mapping[str, object] | None = None) -> Experiment:
    """Validate an experiment that was read already. Raises ExperimentInvalid."""
    content = _override(content, overrides or {})
    if content.get("command") is not None:
        beside = sorted(set(content) - {"command", "description"})
        if beside:
            raise ExperimentInvalid({key: ["is not allowed beside command"] for key in beside})
    elif "model" not in content:
        raise ExperimentInvalid({"model": ["is required (or command, for another training program)"]})
    try:
        experiment: Experiment = schema_of(Experiment).load(dict(content))
    except ValidationError as error:
        raise ExperimentInvalid(_explained(flatten_errors(error.messages))) from error
    return experiment


def _explained(errors: dict[str, list[str]]) -> dict[str, list[str]]:
    known = list_paths(Experiment)
    return {
        path: [explain_unknown(path, known) if text == UNKNOWN else text for text in texts]
        for path, texts in errors.items()
    }


def dump(experiment: Experiment) -> dict[str, Any]:
    """The experiment as plain JSON or YAML content, every default filled in; `parse` makes an equal one of it."""
    content: dict[str, Any] = _plain(asdict(experiment))
    if experiment.command is not None:
        return {"description": content["description"], "command": content["command"]}
    del content["command"]
    return content


def to_yaml(experiment: Experiment) -> str:
    """The experiment as the text of a file that `load` reads back equal."""
    return strict_yaml.write(dump(experiment))


def list_parameters(cls: type[Any] = Experiment, prefix: str = "") -> list[str]:
    """The dotted path of every setting that an override may name, in file order: all but `command` and class_path."""
    paths: list[str] = []
    hints = get_type_hints(cls)
    for each in fields(cls):
        if each.name in NOT_OVERRIDABLE:
            continue
        inner = hints[each.name]
        paths += list_parameters(inner, f"{prefix}{each.name}.") if is_dataclass(inner) else [prefix + each.name]  # type: ignore[arg-type]
    return paths


def _override(content: Mapping[str, Any], overrides: Mapping[str, object]) -> dict[str, Any]:
    changed = copy.deepcopy(dict(content))
    known, errors = list_parameters(), {}
    for path, value in overrides.items():
        if path in ("command", "model.class_path") or path.startswith("command."):
            # Whoever may start a run may not thereby run any program or class: only the file names it.
            errors[f"overrides.{path}"] = ["is set by the experiment file alone"]
        elif path not in known and not path.startswith(("model.config.", "model.init_args.")):
            below = [each for each in known if each.startswith(f"{path}.")]
            said = f"is a section; set one of {', '.join(below)}" if below else explain_unknown(path, known)
            errors[f"overrides.{path}"] = [said]
        elif not _assign(changed, path.split("."), value):
            errors[f"overrides.{path}"] = ["lies below something that is no mapping in the experiment file"]
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
