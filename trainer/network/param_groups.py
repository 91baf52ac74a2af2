"""Separate settings for backbone and head: learning rates and freezing."""

from __future__ import annotations

from torch import nn

from trainer.experiment.experiment import Experiment, ExperimentInvalid
from trainer.network.network import Network


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


def param_groups(network: Network, experiment: Experiment) -> list[tuple[float, list[nn.Parameter]]]:
    """Group the trainable weights by peak learning rate, the head first because its rate is logged.

    Raises ExperimentInvalid if the experiment sets a backbone rate and the network has no backbone and head.
    """
    chosen = experiment.optimizer
    parameters = [each for each in network.parameters() if each.requires_grad]
    if chosen.backbone_learning_rate is None:
        return [(chosen.learning_rate, parameters)]
    of_backbone = set(_backbone(network, "optimizer.backbone_learning_rate").parameters())
    head = [each for each in parameters if each not in of_backbone]
    backbone = [each for each in parameters if each in of_backbone]
    return [(chosen.learning_rate, head), (chosen.backbone_learning_rate, backbone)]


def backbone_freezing(network: Network, experiment: Experiment) -> BackboneFreezing | None:
    """Build the freezing that the experiment sets, or None. Raises ExperimentInvalid as `param_groups` does."""
    num_epochs = experiment.trainer.freeze_backbone_epochs
    return BackboneFreezing(_backbone(network, "trainer.freeze_backbone_epochs"), num_epochs) if num_epochs else None


def _backbone(network: Network, setting: str) -> nn.Module:
    backbone = network.backbone
    if backbone is None:
        raise ExperimentInvalid({setting: ["needs a model with an attribute `backbone`"]})
    of_backbone = set(backbone.parameters())
    if not any(each.requires_grad and each not in of_backbone for each in network.parameters()):
        raise ExperimentInvalid({setting: ["needs a model with trainable weights outside its backbone, a head"]})
    return backbone
