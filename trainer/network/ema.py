"""An exponential moving average of the weights: what is validated, tested and exported in place of the last weights."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from trainer.network.network import Network


class Averaged(nn.Module):
    """A network whose weights and batch-norm statistics are a moving average of another one's.

    All of it is in the checkpoint, as part of the module that holds it.
    """

    num_updates: Tensor

    def __init__(self, network: Network, decay: float) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).requires_grad_(False)
        self._decay = decay
        self.register_buffer("num_updates", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self, network: Network) -> None:
        """Move towards `network` by 1 - decay; by more at first, when the average still holds the random weights."""
        self.num_updates += 1
        count = int(self.num_updates)
        share = 1 - min(self._decay, count / (count + 9))
        for mine, its in zip(self._tensors(self.network), self._tensors(network), strict=True):
            if mine.is_floating_point():
                mine.lerp_(its, share)
            else:
                mine.copy_(its)  # a counter

    @staticmethod
    def _tensors(network: Network) -> list[Tensor]:
        return [*network.parameters(), *network.buffers()]
