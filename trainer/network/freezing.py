"""Train the head alone for the first epochs: the backbone keeps its weights and its batch-norm statistics."""

from __future__ import annotations

from torch import nn


class Freezing:
    """Freezes `backbone` in the epochs before `num_epochs`; what never was to be trained stays so."""

    def __init__(self, backbone: nn.Module, num_epochs: int) -> None:
        self._backbone = backbone
        self._num_epochs = num_epochs
        self._trained = [each for each in backbone.parameters() if each.requires_grad]
        self._is_frozen = False

    def apply(self, epoch: int) -> None:
        """Freeze or unfreeze as `epoch` (from 0) wants it; called before each batch, also the first of a resume."""
        is_frozen = epoch < self._num_epochs
        if is_frozen == self._is_frozen:
            return
        self._is_frozen = is_frozen
        self._backbone.train(not is_frozen)
        for each in self._trained:
            each.requires_grad_(not is_frozen)
            each.grad = None
