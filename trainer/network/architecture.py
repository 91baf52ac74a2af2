"""An image-classification architecture of Hugging Face transformers, built from its config with random weights."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import transformers
from huggingface_hub.errors import StrictDataclassError
from transformers import PretrainedConfig, PreTrainedModel

from trainer.experiment.data import Data
from trainer.experiment.experiment import ExperimentInvalid

OTHER_INPUTS = {"input_ids": "tokens", "spatial_shapes": "patches with their places"}
"""Parameters of `forward` that say that a network takes something else than images (B, C, H, W)."""

_SEEING_PART = "vision_config"
"""The config, in that of a network for images and texts, of what alone a classification of images uses."""


def build(architecture: str, values: dict[str, Any], data: Data, class_names: tuple[str, ...]) -> PreTrainedModel:
    """Build `architecture` with `values` in its config, for images of `data`. Raises ExperimentInvalid."""
    cls = getattr(transformers, architecture, None)
    if cls is None or not isinstance(getattr(cls, "config_class", None), type):
        problem = f"transformers {transformers.__version__} has no {architecture}"
        raise ExperimentInvalid({"model.architecture": [problem]})
    check_input(cls, "model.architecture")
    unknown = _unknown(cls.config_class, values)
    if unknown:
        # transformers itself would take any name and ignore it.
        raise ExperimentInvalid({f"model.config.{name}": [f"is unknown to {architecture}"] for name in unknown})
    try:
        config = cls.config_class(
            **_with_shape(cls.config_class, values, data), **labels_for(cls.config_class, class_names)
        )
        return cls(config)  # type: ignore[no-any-return]
    except ImportError as error:
        raise ExperimentInvalid({"model.architecture": [needs_package(error)]}) from error
    except (LookupError, ValueError, TypeError, ArithmeticError, RuntimeError, StrictDataclassError) as error:
        problem = f"{architecture} cannot be built: {type(error).__name__}: {' '.join(str(error).split())}"
        raise ExperimentInvalid({"model.config": [problem]}) from error


def check_input(cls: type[PreTrainedModel], setting: str) -> None:
    """Raise ExperimentInvalid, about `setting`, where `cls` classifies something else than images."""
    parameters = inspect.signature(cls.forward).parameters
    for name, what in OTHER_INPUTS.items():
        if name in parameters:
            problem = f"{cls.__name__} takes {what} ({name}) instead of images, so it cannot be trained here"
            raise ExperimentInvalid({setting: [problem]})


def needs_package(error: ImportError) -> str:
    """What transformers says of a package that is missing, without its advice on installing."""
    return " ".join(str(error).split()).partition(". ")[0]


def labels_for(config_class: type[PretrainedConfig], class_names: tuple[str, ...]) -> dict[str, Any]:
    """The values that make a config of `config_class` one for these classes."""
    labels = dict(enumerate(class_names))
    named = {"id2label": labels, "label2id": {name: label for label, name in labels.items()}}
    # A config with a field of this name (Pvt's) does not count the labels.
    return named | ({"num_labels": len(labels)} if "num_labels" in _config_names(config_class) else {})


def _with_shape(config_class: type[PretrainedConfig], values: dict[str, Any], data: Data) -> dict[str, Any]:
    """Add image size and channels to `values`, also in the config of the part that sees, such as CLIP's."""
    known = _config_names(config_class)
    shaped = dict(values)
    for name in ("num_channels", "stem_num_channels"):
        if name in known:
            shaped[name] = data.channels
    if "image_size" in known:
        default = getattr(config_class, "image_size", None)
        shaped["image_size"] = [data.side] * len(default) if isinstance(default, list | tuple) else data.side
    part = config_class.sub_configs.get(_SEEING_PART)
    if part is not None:
        shaped[_SEEING_PART] = _with_shape(part, values.get(_SEEING_PART, {}), data)
    return shaped


def _unknown(config_class: type[PretrainedConfig], values: dict[str, Any]) -> list[str]:
    """The names in `values`, dotted below the part that sees, that the config does not have."""
    unknown = sorted(set(values) - _config_names(config_class))
    part, inner = config_class.sub_configs.get(_SEEING_PART), values.get(_SEEING_PART, {})
    if part is None:
        return unknown
    if not isinstance(inner, dict):
        raise ExperimentInvalid({f"model.config.{_SEEING_PART}": ["must be a mapping"]})
    return unknown + [f"{_SEEING_PART}.{name}" for name in _unknown(part, inner)]


def _config_names(config_class: type[PretrainedConfig]) -> set[str]:
    if dataclasses.is_dataclass(config_class):
        return {each.name for each in dataclasses.fields(config_class)}
    return set(inspect.signature(config_class.__init__).parameters)
