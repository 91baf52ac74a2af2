"""Class activation maps: how much each position contributes to the logit of the predicted class."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.explanation.readout import Readout, apply
from trainer.explanation.recording import Place


class ActivationMap:
    """Computes the class activation map of the predicted class (Zhou et al. 2016).

    The logit of a class is the mean over the positions of `weights @ features`, plus a constant. The map is that term
    before the mean. A norm between pooling and head becomes linear if its statistics are fixed to those of the pooled
    vector, so the map is exact with a norm too.
    """

    method = "class activation map of the predicted class"
    source = "Zhou et al. 2016, Learning Deep Features for Discriminative Localization, arXiv:1512.04150"

    def __init__(self, readouts: list[Readout]) -> None:
        self._readouts = readouts
        self.side = readouts[0].features.side
        self.places = {each.features.place for each in readouts}

    def __call__(self, captured: dict[Place, Tensor], logits: Tensor) -> Tensor:
        """Return the contribution of each position to the logit of the predicted class, (B, positions)."""
        predicted = (logits.argmax(1, keepdim=True) == torch.arange(logits.shape[1], device=logits.device)).to(logits)
        maps = [_contributions(each, captured[each.features.place], predicted) for each in self._readouts]
        return torch.stack(maps).mean(0)


def _contributions(readout: Readout, tensor: Tensor, classes: Tensor) -> Tensor:
    vectors = [readout.features.vector(tensor)]
    for module in readout.head:
        vectors.append(apply(module, vectors[-1]))
    weights = classes  # (B, C) of the vector before the module, at the end of the features
    for module, vector in zip(reversed(readout.head), reversed(vectors[:-1])):
        weights = _weights_before(module, vector, weights)
    return (readout.features.positions(tensor) @ weights.unsqueeze(-1)).squeeze(-1)


def _weights_before(module: nn.Module, vector: Tensor, weights: Tensor) -> Tensor:
    """Turn weights of the module's output into weights of its input `vector`, (B, C)."""
    if isinstance(module, nn.Linear | nn.Conv2d):
        return weights @ module.weight.flatten(1)
    if isinstance(module, nn.LayerNorm):
        scaled = weights * module.weight if module.elementwise_affine else weights
        deviation = (vector.var(1, keepdim=True, correction=0) + module.eps).sqrt()
        return (scaled - scaled.mean(1, keepdim=True)) / deviation
    assert isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    assert module.running_var is not None
    deviation = (module.running_var + module.eps).sqrt()
    return weights * (module.weight / deviation if module.affine else 1 / deviation)
