"""A pretrained model of Hugging Face transformers, adapted to the classes and channels of a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForImageClassification, PreTrainedModel

from trainer.experiment.experiment import ExperimentInvalid
from trainer.experiment.pretrained import is_missing_folder
from trainer.network.architecture import describe_missing_package, label_config, refuse_other_inputs
from trainer.network.weights import describe_load_error


def load(source: str, channels: int, class_names: tuple[str, ...]) -> PreTrainedModel:
    """Load all weights. The head is initialised anew unless the model was trained on exactly these classes.

    The first layer is adapted to `channels`. Raises ExperimentInvalid if `source` is not such a model.
    """
    location = locate(source)
    try:
        config = AutoConfig.from_pretrained(location, trust_remote_code=False)
        labels = label_config(type(config), class_names)
        # Runs no code of the model. Without a dtype, a model saved in half precision would stay in half precision.
        model, loading = AutoModelForImageClassification.from_pretrained(
            location,
            ignore_mismatched_sizes=True,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
            **labels,
        )
    except ImportError as error:
        raise ExperimentInvalid({"model.pretrained": [describe_missing_package(error)]}) from None
    except Exception as error:  # A damaged file raises anything. A traceback inside transformers would not help.
        problem = f"{source} cannot be loaded: {describe_load_error(error)}"
        raise ExperimentInvalid({"model.pretrained": [problem]}) from None
    refuse_other_inputs(type(model), "model.pretrained")
    _refuse_random_backbone(source, model, loading)
    if config.id2label != labels["id2label"]:
        _reset_head(model, len(class_names))
    adapt_channels(model, channels)
    return model  # type: ignore[no-any-return]


def locate(source: str) -> str:
    """Resolve `source` to a folder or a name on the hub. Raises ExperimentInvalid if it is a missing folder."""
    if is_missing_folder(source):  # Do not ask the hub.
        raise ExperimentInvalid({"model.pretrained": [f"folder does not exist: {source}"]})
    folder = Path(source).expanduser()
    return str(folder) if folder.is_dir() else source


def adapt_channels(model: PreTrainedModel, channels: int) -> None:
    """Make the first convolution take `channels` channels and give the same output for the same grey image.

    From RGB to grey, sum its weights over the channels. From grey to RGB, repeat them and divide by 3.
    """
    num_channels = getattr(model.config, "num_channels", channels)
    if num_channels == channels:
        return
    first = next((each for each in model.modules() if isinstance(each, nn.Conv2d)), None)
    is_adaptable = first is not None and first.in_channels == num_channels and first.groups == 1
    if first is None or not is_adaptable or {num_channels, channels} != {1, 3}:
        problem = f"must be {num_channels}: the first layer of this pretrained model cannot be adapted"
        raise ExperimentInvalid({"data.channels": [problem]})
    summed = first.weight.data.sum(1, keepdim=True)  # (out, 1, h, w)
    first.weight = nn.Parameter((summed / channels).repeat(1, channels, 1, 1))
    first.in_channels = channels
    model.config.num_channels = channels
    for each in model.modules():  # several compare their input with it
        if getattr(each, "num_channels", None) == num_channels:
            setattr(each, "num_channels", channels)  # noqa: B010 - a Module's attributes have no types


def _refuse_random_backbone(source: str, model: PreTrainedModel, loading: dict[str, Any]) -> None:
    prefix = f"{model.base_model_prefix}."
    mismatched = {each[0] if isinstance(each, tuple) else each for each in loading["mismatched_keys"]}
    lost = {each for each in {*mismatched, *loading["missing_keys"]} if each.startswith(prefix)}
    # Classification does not use a missing mask token and the like. A layer without its weight would be random.
    random = sorted(each for each in lost if each.endswith(".weight") or each in mismatched)
    if random:
        problem = f"{source} does not contain the weights of its own architecture: {', '.join(random[:3])}"
        raise ExperimentInvalid({"model.pretrained": [problem]})


def _reset_head(model: PreTrainedModel, num_classes: int) -> None:
    backbone = set(model.base_model.modules())
    for each in model.modules():
        if isinstance(each, nn.Linear) and each.out_features == num_classes and each not in backbone:
            each.reset_parameters()
