"""The exponential moving average (EMA) of the weights, used in place of the last weights for evaluation and export."""

from __future__ import annotations

from functools import partial

from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from trainer.network.network import Network


class EmaNetwork(AveragedModel):
    """A copy of a network whose weights and batch-norm statistics are the moving average of the original's.

    As a submodule of the Classifier it is saved in each checkpoint.
    """

    module: Network

    def __init__(self, network: Network, decay: float) -> None:
        super().__init__(network, multi_avg_fn=partial(_move, decay), use_buffers=True)
        self.requires_grad_(False)


def _move(decay: float, averages: list[Tensor], currents: list[Tensor], num_updates: Tensor) -> None:
    """Move the averages by 1 - decay. The first updates move them further, to forget the initial weights."""
    count = int(num_updates) + 1
    for average, current in zip(averages, currents, strict=True):
        if average.is_floating_point():
            average.lerp_(current, 1 - min(decay, count / (count + 9)))
        else:
            average.copy_(current)  # a counter, such as num_batches_tracked
