"""Build an image-classification architecture of Hugging Face transformers from its config, with random weights."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import transformers
from huggingface_hub.errors import StrictDataclassError
from transformers import PretrainedConfig, PreTrainedModel

from trainer.experiment.data import Data
from trainer.experiment.experiment import ExperimentInvalid

OTHER_INPUTS = {"input_ids": "tokens", "spatial_shapes": "patches with positions"}
"""Parameters of `forward` in networks whose input is not images (B, C, H, W)."""

_VISION_CONFIG = "vision_config"
"""The config of the image encoder inside the config of an image-and-text network such as CLIP."""


def build(architecture: str, values: dict[str, Any], data: Data, class_names: tuple[str, ...]) -> PreTrainedModel:
    """Build `architecture` with `values` in its config, for the image shape of `data`. Raises ExperimentInvalid."""
    cls = getattr(transformers, architecture, None)
    if cls is None or not isinstance(getattr(cls, "config_class", None), type):
        problem = f"transformers {transformers.__version__} has no {architecture}"
        raise ExperimentInvalid({"model.architecture": [problem]})
    refuse_other_inputs(cls, "model.architecture")
    unknown = _unknown(cls.config_class, values)
    if unknown:
        # transformers would silently accept any name.
        problems = {f"model.config.{name}": [f"is not a config value of {architecture}"] for name in unknown}
        raise ExperimentInvalid(problems)
    try:
        config_class = cls.config_class
        config = config_class(**_with_shape(config_class, values, data), **label_config(config_class, class_names))
        return cls(config)  # type: ignore[no-any-return]
    except ImportError as error:
        raise ExperimentInvalid({"model.architecture": [describe_missing_package(error)]}) from error
    except (LookupError, ValueError, TypeError, ArithmeticError, RuntimeError, StrictDataclassError) as error:
        problem = f"{architecture} cannot be built: {type(error).__name__}: {' '.join(str(error).split())}"
        raise ExperimentInvalid({"model.config": [problem]}) from error


def refuse_other_inputs(cls: type[PreTrainedModel], setting: str) -> None:
    """Raise ExperimentInvalid for `setting` if the input of `cls` is not images."""
    parameters = inspect.signature(cls.forward).parameters
    for name, what in OTHER_INPUTS.items():
        if name in parameters:
            problem = f"{cls.__name__} takes {what} ({name}) instead of images and cannot be trained here"
            raise ExperimentInvalid({setting: [problem]})


def describe_missing_package(error: ImportError) -> str:
    """Return what transformers says about a missing package, without its advice on installing it."""
    return " ".join(str(error).split()).partition(". ")[0]


def label_config(config_class: type[PretrainedConfig], class_names: tuple[str, ...]) -> dict[str, Any]:
    """Return the config values that set the classes."""
    labels = dict(enumerate(class_names))
    named = {"id2label": labels, "label2id": {name: label for label, name in labels.items()}}
    # A config with this field (Pvt's) does not derive it from the labels.
    return named | ({"num_labels": len(labels)} if "num_labels" in _config_names(config_class) else {})


def _with_shape(config_class: type[PretrainedConfig], values: dict[str, Any], data: Data) -> dict[str, Any]:
    """Add image size and channels to `values`, and to the config of an image encoder inside."""
    known = _config_names(config_class)
    shaped = dict(values)
    for name in ("num_channels", "stem_num_channels"):
        if name in known:
            shaped[name] = data.channels
    if "image_size" in known:
        default = getattr(config_class, "image_size", None)
        shaped["image_size"] = [data.side] * len(default) if isinstance(default, list | tuple) else data.side
    vision_class = config_class.sub_configs.get(_VISION_CONFIG)
    if vision_class is not None:
        shaped[_VISION_CONFIG] = _with_shape(vision_class, values.get(_VISION_CONFIG, {}), data)
    return shaped


def _unknown(config_class: type[PretrainedConfig], values: dict[str, Any]) -> list[str]:
    """Return the names in `values` that the config does not have, those of the image encoder dotted."""
    unknown = sorted(set(values) - _config_names(config_class))
    vision_class, inner = config_class.sub_configs.get(_VISION_CONFIG), values.get(_VISION_CONFIG, {})
    if vision_class is None:
        return unknown
    if not isinstance(inner, dict):
        raise ExperimentInvalid({f"model.config.{_VISION_CONFIG}": ["must be an object"]})
    return unknown + [f"{_VISION_CONFIG}.{name}" for name in _unknown(vision_class, inner)]


def _config_names(config_class: type[PretrainedConfig]) -> set[str]:
    if dataclasses.is_dataclass(config_class):
        return {each.name for each in dataclasses.fields(config_class)}
    return set(inspect.signature(config_class.__init__).parameters)
