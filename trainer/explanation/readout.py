"""Find how a network computes its logits from the last tensor that has positions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainer.explanation.recording import Place, Recorded

MAX_OTHER_TOKENS = 8
"""Class, distillation and register tokens, which come before those of the patches."""


NOT_LINEAR = "its logits are not one linear layer of the mean over a feature map, or of a class token"


class NotExplainable(ValueError):
    """No heatmap can be computed for this network. The message says why."""


@dataclass(frozen=True)
class Features:
    """A tensor with positions, (B, C, h, w), (B, h, w, C) or (B, tokens, C), and how it becomes one vector (B, C)."""

    place: Place
    channels_dim: int
    num_other_tokens: int
    """Tokens before those of the patches."""
    token: int | None
    """The token that is the vector. None: the vector is the mean over the positions."""
    num_positions: int

    @property
    def side(self) -> int:
        return math.isqrt(self.num_positions)

    @property
    def num_tokens(self) -> int:
        return self.num_other_tokens + self.num_positions

    def positions(self, tensor: Tensor) -> Tensor:
        """Return the features of the positions, (B, positions, C)."""
        return tensor.movedim(self.channels_dim, -1).flatten(1, -2)[:, self.num_other_tokens :]

    def vector(self, tensor: Tensor) -> Tensor:
        return self.positions(tensor).mean(1) if self.token is None else tensor[:, self.token]


@dataclass(frozen=True)
class Readout:
    """A vector of features, and the modules that compute logits from it, in this order."""

    features: Features
    head: tuple[nn.Module, ...]

    def logits(self, vector: Tensor) -> Tensor:
        """vector: (B, C) -> (B, classes)."""
        for module in self.head:
            vector = apply(module, vector)
        return vector


def apply(module: nn.Module, vector: Tensor) -> Tensor:
    """Apply a linear module to a vector, (B, C)."""
    is_map = isinstance(module, nn.Conv2d | nn.BatchNorm2d)
    result: Tensor = module(vector[:, :, None, None] if is_map else vector)
    return result.flatten(1)


def find_readouts(logits: Tensor, recorded: Sequence[Recorded]) -> list[Readout]:
    """Return one readout, or two if the logits are the mean of two heads. Raises NotExplainable."""
    readout = _find(logits, recorded)
    readouts = [readout] if readout is not None else _find_pair(logits, recorded)
    tensors = {each.place: each.returned for each in recorded}
    found = [each.logits(each.features.vector(tensors[each.features.place])) for each in readouts]
    if not found or not _same(torch.stack(found).mean(0), logits):
        raise NotExplainable(NOT_LINEAR)
    for features in (each.features for each in readouts):
        if features.num_positions == 1:
            raise NotExplainable("its last feature map is a single position: use a larger data.image_size")
        if features.side**2 != features.num_positions:
            raise NotExplainable(f"its {features.num_positions} positions are not a square grid")
    return readouts


def _find_pair(logits: Tensor, recorded: Sequence[Recorded]) -> list[Readout]:
    """Find two heads such that the logits are their mean. Empty without such heads."""
    outputs = [each.returned for each in recorded if each.returned.shape == logits.shape]
    for pair in itertools.combinations(outputs, 2):
        if _same(torch.stack(pair).mean(0), logits):
            readouts = [_find(each, recorded) for each in pair]
            return [each for each in readouts if each is not None] if None not in readouts else []
    return []


def _find(vector: Tensor, recorded: Sequence[Recorded]) -> Readout | None:
    """Trace `vector` back through linear modules to the tensor that it is pooled from."""
    head: list[nn.Module] = []
    while (features := _pooled(vector, recorded)) is None:
        makers = [each for each in _makes(vector, recorded) if each.module not in head]
        if not makers:
            features = _pooled(vector, recorded, is_single=True)
            return None if features is None else Readout(features, tuple(head))
        head.insert(0, makers[0].module)
        vector = makers[0].given.flatten(1)  # type: ignore[union-attr]
    return Readout(features, tuple(head))


def _makes(vector: Tensor, recorded: Sequence[Recorded]) -> list[Recorded]:
    """List the linear modules that returned `vector` of one position, the last first."""
    return [
        each
        for each in reversed(recorded)
        if _is_linear(each.module) and each.given is not None and _same(each.returned, vector)
    ]


def _is_linear(module: nn.Module) -> bool:
    """Whether `module` is linear in each position, with the statistics of a norm fixed."""
    if isinstance(module, nn.Conv2d):
        return module.kernel_size == (1, 1) and module.groups == 1
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        return module.running_var is not None
    return isinstance(module, nn.Linear | nn.LayerNorm)


def _pooled(vector: Tensor, recorded: Sequence[Recorded], is_single: bool = False) -> Features | None:
    """Find the last tensor that pools to `vector`: one with a single position if `is_single`, else with several."""
    for each in reversed(recorded):
        for features in _candidates(each, vector.shape[1]):
            if (features.num_positions == 1) == is_single and _same(features.vector(each.returned), vector):
                return features
    return None


def _candidates(recorded: Recorded, num_channels: int) -> Iterator[Features]:
    shape = recorded.returned.shape
    if len(shape) == 4:
        for dim in (1, 3):
            if shape[dim] == num_channels:
                yield Features(recorded.place, dim, 0, None, recorded.returned[0].numel() // num_channels)
    if len(shape) == 3 and shape[2] == num_channels:
        num_tokens = shape[1]
        for others in range(min(MAX_OTHER_TOKENS, num_tokens - 1) + 1):
            yield Features(recorded.place, 2, others, None, num_tokens - others)
        for token in range(min(2, num_tokens - 1)):
            side = math.isqrt(num_tokens - token - 1)
            yield Features(recorded.place, 2, num_tokens - side**2, token, side**2)


def _same(a: Tensor, b: Tensor) -> bool:
    a, b = a.flatten(1), b.flatten(1)
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-5 * float(b.abs().max()))
