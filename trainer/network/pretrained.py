"""A pretrained model of Hugging Face transformers, fitted to our classes and channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForImageClassification, PreTrainedModel

from trainer.experiment.experiment import ExperimentInvalid
from trainer.network.architecture import check_input, labels_for, needs_package
from trainer.network.weights import explain


def load(source: str, channels: int, class_names: tuple[str, ...]) -> PreTrainedModel:
    """Load all weights but the head's, which is made anew unless it is of these very classes.

    The first layer is adapted to `channels`. Raises ExperimentInvalid where `source` holds no such model.
    """
    place = place_of(source)
    try:
        config = AutoConfig.from_pretrained(place, trust_remote_code=False)
        labels = labels_for(type(config), class_names)
        # No code of the model's own is run. Without a dtype a model saved in half precision would stay in it.
        model, loading = AutoModelForImageClassification.from_pretrained(
            place,
            ignore_mismatched_sizes=True,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
            **labels,
        )
    except ImportError as error:
        raise ExperimentInvalid({"model.pretrained": [needs_package(error)]}) from None
    except Exception as error:  # Damaged files raise anything. Where in transformers is of no use to anybody.
        raise ExperimentInvalid({"model.pretrained": [f"{source} cannot be loaded: {explain(error)}"]}) from None
    check_input(type(model), "model.pretrained")
    _check_backbone(source, model, loading)
    if config.id2label != labels["id2label"]:
        _renew_head(model, len(class_names))
    adapt_channels(model, channels)
    return model  # type: ignore[no-any-return]


def place_of(source: str) -> str:
    """Where transformers finds `source`. Raises ExperimentInvalid where it is a folder that does not exist."""
    folder = Path(source).expanduser()
    if folder.is_dir():
        return str(folder)
    if source.startswith((".", "/", "~")):  # must not become a question to the hub
        raise ExperimentInvalid({"model.pretrained": [f"folder does not exist: {source}"]})
    return source


def adapt_channels(model: PreTrainedModel, channels: int) -> None:
    """Make the first convolution take `channels` channels, and give for grey what it gave for the same grey in RGB.

    To grey its weights are summed over the channels; to RGB they are repeated and divided by 3.
    """
    had = getattr(model.config, "num_channels", channels)
    if had == channels:
        return
    first = next((each for each in model.modules() if isinstance(each, nn.Conv2d)), None)
    if first is None or first.in_channels != had or first.groups != 1 or {had, channels} != {1, 3}:
        problem = f"must be {had}: the first layer of this pretrained model cannot be adapted"
        raise ExperimentInvalid({"data.channels": [problem]})
    summed = first.weight.data.sum(1, keepdim=True)  # (out, 1, h, w)
    first.weight = nn.Parameter((summed / channels).repeat(1, channels, 1, 1))
    first.in_channels = channels
    model.config.num_channels = channels
    for each in model.modules():  # several check their input against it
        if getattr(each, "num_channels", None) == had:
            setattr(each, "num_channels", channels)  # noqa: B010 - a Module's attributes have no types


def _check_backbone(source: str, model: PreTrainedModel, loading: dict[str, Any]) -> None:
    prefix = f"{model.base_model_prefix}."
    mismatched = {each[0] if isinstance(each, tuple) else each for each in loading["mismatched_keys"]}
    lost = {each for each in {*mismatched, *loading["missing_keys"]} if each.startswith(prefix)}
    # A missing mask token and the like are never used here; a layer without its weight would be random.
    random = sorted(each for each in lost if each.endswith(".weight") or each in mismatched)
    if random:
        problem = f"{source} lacks fitting weights of its own architecture: {', '.join(random[:3])}"
        raise ExperimentInvalid({"model.pretrained": [problem]})


def _renew_head(model: PreTrainedModel, num_classes: int) -> None:
    body = set(model.base_model.modules())
    for each in model.modules():
        if isinstance(each, nn.Linear) and each.out_features == num_classes and each not in body:
            each.reset_parameters()
