"""The network: an image-classification model of Hugging Face transformers, new or pretrained, or one's own."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from trainer.experiment.data import Data
from trainer.experiment.experiment import ExperimentInvalid
from trainer.experiment.sections import Model
from trainer.network import architecture, custom, pretrained


class Network(nn.Module):
    """images: (B, C, H, W) float32, normalised -> logits: (B, num_classes)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        if not isinstance(self.model, PreTrainedModel):
            output = self.model(images)
            return output if isinstance(output, Tensor) else output.logits
        output = self.model(pixel_values=images)
        # PPLCNet of transformers 5 has no `logits`: its class scores are called last_hidden_state.
        return output.logits if "logits" in output else output.last_hidden_state  # type: ignore[no-any-return]

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
        network = Network(architecture.build(model.architecture, model.config, data, class_names))
    elif model.pretrained is not None:
        network = Network(pretrained.load(model.pretrained, data.channels, class_names))
    else:
        assert model.class_path is not None
        offered = {"num_classes": len(class_names), "channels": data.channels, "image_size": data.side}
        network = Network(custom.build(model.class_path, model.init_args, offered))
    _try_images(network, data, len(class_names))
    return network


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
        if channels == 1 and _takes(network, 3, size):
            problem = f"must be 3, the only number of channels that this network takes ({said})"
            raise ExperimentInvalid({"data.channels": [problem]}) from error
        raise ExperimentInvalid({"data": [problem]}) from error
    if not any(each.requires_grad for each in network.parameters()):
        raise ExperimentInvalid({"model": ["has no weights that could be trained"]})
    network.train()


def _takes(network: Network, channels: int, size: int) -> bool:
    try:
        with torch.no_grad():
            network(torch.zeros(2, channels, size, size))
    except Exception:  # as above
        return False
    return True


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
