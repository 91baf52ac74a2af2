"""The network: an image-classification model of Hugging Face transformers, by architecture and config or pretrained."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor, nn
from transformers import AutoModelForImageClassification, PretrainedConfig, PreTrainedModel

from trainer.experiment import ExperimentInvalid
from trainer.sections import Data, Model


class Network(nn.Module):
    """images: (B, C, H, W) float32, normalised -> logits: (B, num_classes)."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(pixel_values=images).logits
        return logits

    @property
    def num_parameters(self) -> int:
        return sum(each.numel() for each in self.parameters())


def build(model: Model, data: Data, class_names: tuple[str, ...]) -> Network:
    """Build the network for `class_names`. Raises ExperimentInvalid where it cannot be built or take the images."""
    labels: dict[str, Any] = {
        "id2label": dict(enumerate(class_names)),
        "label2id": {name: label for label, name in enumerate(class_names)},
    }
    if model.architecture is not None:
        network = Network(_from_config(model.architecture, model.config, data, labels))
    else:
        assert model.pretrained is not None
        network = Network(_from_pretrained(model.pretrained, labels))
    _try_images(network, data, len(class_names))
    return network


def _from_config(architecture: str, values: dict[str, Any], data: Data, labels: dict[str, Any]) -> PreTrainedModel:
    cls = getattr(transformers, architecture, None)
    if cls is None or not isinstance(getattr(cls, "config_class", None), type):
        raise ExperimentInvalid(
            {"model.architecture": [f"transformers {transformers.__version__} has no {architecture}"]}
        )
    known = _config_names(cls.config_class)
    unknown = sorted(set(values) - known)
    if unknown:
        # transformers itself would take any name and ignore it.
        raise ExperimentInvalid({f"model.config.{name}": [f"is unknown to {architecture}"] for name in unknown})
    shape = {"num_channels": data.channels, "image_size": data.image_size}
    try:
        config = cls.config_class(**values, **labels, **{name: each for name, each in shape.items() if name in known})
        return cls(config)  # type: ignore[no-any-return]
    except (LookupError, ValueError, TypeError, ArithmeticError, RuntimeError, StrictDataclassError) as error:
        raise ExperimentInvalid(
            {"model.config": [f"{architecture} cannot be built: {type(error).__name__}: {_one_line(error)}"]}
        ) from error


def _config_names(config_class: type[PretrainedConfig]) -> set[str]:
    if dataclasses.is_dataclass(config_class):
        return {each.name for each in dataclasses.fields(config_class)}
    return set(inspect.signature(config_class.__init__).parameters)


def _from_pretrained(source: str, labels: dict[str, Any]) -> PreTrainedModel:
    # A folder that does not exist must not become a question to the hub.
    if source.startswith((".", "/", "~")) and not Path(source).expanduser().is_dir():
        raise ExperimentInvalid({"model.pretrained": [f"folder does not exist: {source}"]})
    folder = Path(source).expanduser()
    place = str(folder) if folder.is_dir() else source
    try:
        # The head is of other classes, so its weights are made anew; all others are loaded. No code of the model's own.
        model = AutoModelForImageClassification.from_pretrained(
            place, ignore_mismatched_sizes=True, trust_remote_code=False, **labels
        )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ExperimentInvalid({"model.pretrained": [f"{source} cannot be loaded: {_one_line(error)}"]}) from error
    return model  # type: ignore[no-any-return]


def _try_images(network: Network, data: Data, num_classes: int) -> None:
    size, channels = data.image_size, data.channels
    network.eval()
    try:
        with torch.no_grad():
            logits = network(torch.zeros(2, channels, size, size))
        if logits.shape != (2, num_classes):
            raise ValueError(f"its output has the shape {tuple(logits.shape)} instead of (2, {num_classes})")
    except (ValueError, TypeError, RuntimeError, AttributeError, IndexError) as error:
        problem = f"the network cannot take {size}x{size} images of {channels} channels: {_one_line(error)}"
        raise ExperimentInvalid({"data": [problem]}) from error
    network.train()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
