"""A network that returns its logits and a heatmap."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from trainer.explanation.activation import ActivationMap
from trainer.explanation.readout import NotExplainable, Readout, find_readouts
from trainer.explanation.recording import Recorded, capture, record
from trainer.explanation.rollout import AttentionRollout, find_attention

OUTPUT = "heatmap"
TINY = 1e-30
FAINT = 1e-3
"""A map that varies by less than this fraction of its largest value is not stretched to 1, because that would show its
rounding errors. A constant map is 0 everywhere."""

RIGHT = (
    "Use a network that ends in a mean over its feature map and one linear layer (such as ResNet, ConvNeXt or"
    " EfficientNet), or a vision transformer whose head reads the class token or the mean of the patches (ViT, DeiT,"
    " BEiT), or set export.explanation to false"
)


class Explained(nn.Module):
    """images: (B, C, H, W) -> logits (B, classes) and heatmap (B, h, w) from 0 to 1, on the grid of the features."""

    def __init__(self, network: nn.Module, images: Tensor) -> None:
        """Find the structure of `network` with a pass of at least two `images`. Raises NotExplainable.

        Prepares `network` (see prepare).
        """
        super().__init__()
        prepare(network)
        self.network = network
        logits, recorded = record(network, images)
        self._map = _choose(find_readouts(logits, recorded), recorded, len(images))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        with capture(self.network, self._map.places) as captured:
            logits = self.network(images)
        relevance = self._map(captured, logits)
        return logits, scale(relevance).reshape(-1, self._map.side, self._map.side)

    def describe(self) -> dict[str, Any]:
        """Return the entry `explanation` of the model card and the metadata."""
        side = self._map.side
        return {"method": self._map.method, "source": self._map.source, "output": OUTPUT, "grid": [side, side]}


def _choose(readouts: list[Readout], recorded: list[Recorded], batch: int) -> ActivationMap | AttentionRollout:
    """Prefer the rollout for transformers, whose last tokens have seen the whole image."""
    attention = find_attention(readouts[0].features.num_tokens, batch, recorded)
    if attention:
        return AttentionRollout(readouts, attention)
    if any(each.features.token is not None for each in readouts):
        raise NotExplainable("its head reads a class token, and not every layer returns the attention of all tokens")
    return ActivationMap(readouts)


def scale(relevance: Tensor) -> Tensor:
    """(B, positions) -> the same, with the lowest value of each image mapped to 0 and the highest to 1."""
    low, high = relevance.amin(1, keepdim=True), relevance.amax(1, keepdim=True)
    smallest = FAINT * torch.maximum(low.abs(), high.abs())
    return (relevance - low) / torch.maximum(high - low, smallest).clamp_min(TINY)


def prepare(network: nn.Module) -> None:
    """Move `network` to the CPU and to eval mode, with attention in plain operators.

    Fused attention does not return the attention weights. Some networks (Swin) cannot be exported with it either,
    because of the views that it creates.
    """
    network.cpu().eval()
    for each in network.modules():
        if isinstance(each, PreTrainedModel):
            each.set_attn_implementation("eager")
