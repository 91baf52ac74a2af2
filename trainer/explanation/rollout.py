"""Attention rollout: how much each patch flows into the tokens that the head reads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer.explanation.readout import Readout
from trainer.explanation.recording import Place, Recorded


class AttentionRollout:
    """Computes the attention rollout to the tokens that the head reads (Abnar and Zuidema 2020).

    The attention of a layer is the mean over its heads, averaged with the identity for the residual connection. The
    product over the layers is how much of each patch flows into each token.
    """

    method = "attention rollout"
    source = "Abnar and Zuidema 2020, Quantifying Attention Flow in Transformers, arXiv:2005.00928"

    def __init__(self, readouts: list[Readout], attention: list[Place]) -> None:
        """`attention` is where the layers return theirs, in order (see find_attention)."""
        self._readouts = readouts
        self._layers = attention
        self.side = readouts[0].features.side
        self.places = set(attention)

    def __call__(self, captured: dict[Place, Tensor], logits: Tensor) -> Tensor:
        """Return the share of each patch, (B, patches)."""
        flow = self._read(captured[self._layers[-1]])
        for place in reversed(self._layers):
            attention = captured[place].mean(1)  # (B, tokens, tokens)
            flow = (flow + flow @ attention) / 2
        return flow[:, 0, self._readouts[0].features.num_other_tokens :]

    def _read(self, attention: Tensor) -> Tensor:
        """Return how much the head reads of each token, (B, 1, tokens)."""
        batch, _, _, tokens = attention.shape
        shares = torch.zeros(tokens)
        for each in self._readouts:
            features = each.features
            if features.token is None:
                shares[features.num_other_tokens :] += 1 / features.num_positions
            else:
                shares[features.token] += 1
        return (shares / len(self._readouts)).to(attention).expand(batch, 1, tokens)


def find_attention(num_tokens: int, batch: int, recorded: Sequence[Recorded]) -> list[Place]:
    """List where the layers return the attention between all tokens, (B, heads, tokens, tokens), in order.

    Empty if a layer returns any other attention, such as that of a window or between fewer tokens: a rollout over the
    remaining layers would mean little.
    """
    found: list[Recorded] = []
    for each in recorded:
        if not _is_attention(each.returned):
            continue
        if each.returned.shape[0] != batch or each.returned.shape[2:] != (num_tokens, num_tokens):
            return []
        # A layer and its parts may return the same tensor.
        if not any(each.original is one.original for one in found):
            found.append(each)
    return [each.place for each in found]


def _is_attention(tensor: Tensor) -> bool:
    """Whether each row along the last dimension of four is a distribution."""
    if tensor.dim() != 4 or tensor.shape[-1] == 1 or not bool((tensor >= 0).all()):
        return False
    sums = tensor.sum(-1)
    return torch.allclose(sums, torch.ones_like(sums), atol=1e-3)
