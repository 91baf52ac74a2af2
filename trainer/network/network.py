"""The network: an architecture of Hugging Face transformers with random or pretrained weights, or a custom module."""

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
        # PPLCNet of transformers 5 returns its class scores as last_hidden_state instead of logits.
        return output.logits if "logits" in output else output.last_hidden_state  # type: ignore[no-any-return]

    @property
    def backbone(self) -> nn.Module | None:
        """Everything but the head, or None if the model does not define a backbone."""
        model = self.model
        backbone = model.base_model if isinstance(model, PreTrainedModel) else getattr(model, "backbone", None)
        return backbone if isinstance(backbone, nn.Module) and backbone is not model else None

    @property
    def num_parameters(self) -> int:
        return sum(each.numel() for each in self.parameters())


def build(model: Model, data: Data, class_names: tuple[str, ...]) -> Network:
    """Build the network for `class_names`, and try it on blank images. Raises ExperimentInvalid if either fails."""
    if model.architecture is not None:
        network = Network(architecture.build(model.architecture, model.config, data, class_names))
    elif model.pretrained is not None:
        network = Network(pretrained.load(model.pretrained, data.channels, class_names))
    else:
        assert model.class_path is not None
        defaults = {"num_classes": len(class_names), "channels": data.channels, "image_size": data.side}
        network = Network(custom.build(model.class_path, model.init_args, defaults))
    if not any(each.requires_grad for each in network.parameters()):
        raise ExperimentInvalid({"model": ["has no trainable weights"]})
    _try_images(network, data, len(class_names))
    return network


def _try_images(network: Network, data: Data, num_classes: int) -> None:
    network.eval()
    try:
        logits = _logits(network, data.channels, data.side)
        if not isinstance(logits, Tensor):
            raise TypeError(f"its output is {type(logits).__name__} instead of logits")
        if logits.shape != (2, num_classes):
            raise ValueError(f"its output has the shape {tuple(logits.shape)} instead of (2, {num_classes})")
    except Exception as error:  # a user's forward raises anything
        message = " ".join(str(error).split())
        message = f"{type(error).__name__}: {message}" if isinstance(error, LookupError) else message
        if data.channels == 1 and _takes_colour(network, data.side):
            problem = f"must be 3, the only number of channels that this network accepts ({message})"
            raise ExperimentInvalid({"data.channels": [problem]}) from error
        shape = f"{data.side}x{data.side} images with {data.channels} channels"
        raise ExperimentInvalid({"data": [f"the network does not accept {shape}: {message}"]}) from error
    network.train()


def _takes_colour(network: Network, side: int) -> bool:
    try:
        _logits(network, 3, side)
    except Exception:  # as above
        return False
    return True


@torch.no_grad()
def _logits(network: Network, channels: int, side: int) -> object:
    return network(torch.zeros(2, channels, side, side))
