"""The exponential moving average (EMA) of the weights, used in place of the last weights for evaluation and export."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from trainer.network.network import Network


class EmaNetwork(nn.Module):
    """A copy of a network whose weights and batch-norm statistics are the moving average of the original's.

    As a submodule of the Classifier it is saved in each checkpoint.
    """

    num_updates: Tensor

    def __init__(self, network: Network, decay: float) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).requires_grad_(False)
        self._decay = decay
        self.register_buffer("num_updates", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self, network: Network) -> None:
        """Move towards `network` by 1 - decay. The first updates move further, to forget the initial weights."""
        self.num_updates += 1
        count = int(self.num_updates)
        step = 1 - min(self._decay, count / (count + 9))
        for average, current in zip(self._tensors(self.network), self._tensors(network), strict=True):
            if average.is_floating_point():
                average.lerp_(current, step)
            else:
                average.copy_(current)  # a counter, such as num_batches_tracked

    @staticmethod
    def _tensors(network: Network) -> list[Tensor]:
        return [*network.parameters(), *network.buffers()]
