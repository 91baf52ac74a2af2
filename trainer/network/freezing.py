"""Freeze the backbone in the first epochs, so that only the head is trained."""

from __future__ import annotations

from torch import nn


class BackboneFreezing:
    """Freezes the weights and batch-norm statistics of `backbone` in the epochs before `num_epochs`.

    Weights that did not require gradients before the freezing do not require them after it.
    """

    def __init__(self, backbone: nn.Module, num_epochs: int) -> None:
        self._backbone = backbone
        self._num_epochs = num_epochs
        self._trainable = [each for each in backbone.parameters() if each.requires_grad]
        self._is_frozen = False

    def apply(self, epoch: int) -> None:
        """Freeze or unfreeze for `epoch` (from 0). Call it before each batch, because a resume may start within one."""
        is_frozen = epoch < self._num_epochs
        if is_frozen == self._is_frozen:
            return
        self._is_frozen = is_frozen
        self._backbone.train(not is_frozen)
        for each in self._trainable:
            each.requires_grad_(not is_frozen)
            each.grad = None
