"""The network: an image-classification model of Hugging Face transformers, new or pretrained, or one's own."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import torch
import transformers
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel

from trainer import ownmodule, pretrained
from trainer.datasection import Data
from trainer.experiment import ExperimentInvalid
from trainer.sections import Model


class Network(nn.Module):
    """images: (B, C, H, W) float32, normalised -> logits: (B, num_classes)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        output = self.model(pixel_values=images) if isinstance(self.model, PreTrainedModel) else self.model(images)
        logits: Tensor = output if isinstance(output, Tensor) else output.logits
        return logits

    @property
    def backbone(self) -> nn.Module | None:
        """All but the head; None where the model does not say what that is."""
        model = self.model
        part = model.base_model if isinstance(model, PreTrainedModel) else getattr(model, "backbone", None)
        return part if isinstance(part, nn.Module) and part is not model else None

    @property
    def num_parameters(self) -> int:
        return sum(each.numel() for each in self.parameters())


def build(model: Model, data: Data, class_names: tuple[str, ...]) -> Network:
    """Build the network for `class_names`. Raises ExperimentInvalid where it cannot be built or take the images."""
    if model.architecture is not None:
        network = Network(_from_config(model.architecture, model.config, data, class_names))
    elif model.pretrained is not None:
        network = Network(pretrained.load(model.pretrained, data.channels, class_names))
    else:
        assert model.class_path is not None
        offered = {"num_classes": len(class_names), "channels": data.channels, "image_size": data.side}
        network = Network(ownmodule.build(model.class_path, model.init_args, offered))
    _try_images(network, data, len(class_names))
    return network


def _from_config(
    architecture: str, values: dict[str, Any], data: Data, class_names: tuple[str, ...]
) -> PreTrainedModel:
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
    shape = {"num_channels": data.channels, "image_size": data.side}
    labels = {
        "id2label": dict(enumerate(class_names)),
        "label2id": {name: label for label, name in enumerate(class_names)},
    }
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


def _try_images(network: Network, data: Data, num_classes: int) -> None:
    size, channels = data.side, data.channels
    network.eval()
    try:
        with torch.no_grad():
            logits = network(torch.zeros(2, channels, size, size))
        if not isinstance(logits, Tensor):
            raise TypeError(f"its output is {type(logits).__name__} instead of logits")
        if logits.shape != (2, num_classes):
            raise ValueError(f"its output has the shape {tuple(logits.shape)} instead of (2, {num_classes})")
    except Exception as error:  # whatever a forward of the user's raises
        said = f"{type(error).__name__}: {_one_line(error)}" if isinstance(error, LookupError) else _one_line(error)
        problem = f"the network cannot take {size}x{size} images of {channels} channels: {said}"
        raise ExperimentInvalid({"data": [problem]}) from error
    if not any(each.requires_grad for each in network.parameters()):
        raise ExperimentInvalid({"model": ["has no weights that could be trained"]})
    network.train()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
