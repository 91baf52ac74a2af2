"""The two parts of a network, backbone and head, where an experiment treats them apart.

Raises ExperimentInvalid where it does and the network has no such parts.
"""

from __future__ import annotations

from torch import nn

from trainer.experiment.experiment import Experiment, ExperimentInvalid
from trainer.network.freezing import Freezing
from trainer.network.network import Network


def learning_rates(network: Network, experiment: Experiment) -> list[tuple[float, list[nn.Parameter]]]:
    """The weights with their peak learning rates, the head first: its rate is the one that is logged."""
    chosen = experiment.optimizer
    parameters = [each for each in network.parameters() if each.requires_grad]
    if chosen.backbone_learning_rate is None:
        return [(chosen.learning_rate, parameters)]
    backbone = set(_backbone(network, "optimizer.backbone_learning_rate").parameters())
    head = [each for each in parameters if each not in backbone]
    body = [each for each in parameters if each in backbone]
    return [(chosen.learning_rate, head), (chosen.backbone_learning_rate, body)]


def freezing_of(network: Network, experiment: Experiment) -> Freezing | None:
    """Return what freezes the backbone in the first epochs; None where nothing is to be frozen."""
    num_epochs = experiment.trainer.freeze_backbone_epochs
    return Freezing(_backbone(network, "trainer.freeze_backbone_epochs"), num_epochs) if num_epochs else None


def _backbone(network: Network, setting: str) -> nn.Module:
    backbone = network.backbone
    if backbone is None:
        raise ExperimentInvalid({setting: ["needs a model with a part named backbone"]})
    of_backbone = set(backbone.parameters())
    if not any(each.requires_grad and each not in of_backbone for each in network.parameters()):
        raise ExperimentInvalid({setting: ["needs a model with weights beside its backbone, a head"]})
    return backbone
