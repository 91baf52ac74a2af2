from __future__ import annotations

import pytest
from torch import nn

from tests.trainer.trainings import untrained
from trainer.experiment.experiment import ExperimentInvalid, parse
from trainer.fit.module import Classifier
from trainer.network.freezing import Freezing
from trainer.network.network import Network


class TwoParts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
        self.head = nn.Linear(4, 2)


def classifier(model: nn.Module, **optimizer: float) -> Classifier:
    content = {"model": {"class_path": "a.B"}, "optimizer": optimizer}
    experiment = parse(content)
    return Classifier(Network(model), experiment, [0.5], [0.5], untrained(experiment))


def test_a_frozen_backbone_learns_nothing_and_then_everything_but_what_never_did() -> None:
    model = TwoParts()
    model.backbone[0].bias.requires_grad_(False)
    freezing = Freezing(model.backbone, 2)
    for epoch, is_frozen in ((0, True), (1, True), (2, False), (3, False)):
        freezing.apply(epoch)
        assert model.backbone[1].training is not is_frozen  # or its statistics would move
        assert [each.requires_grad for each in model.backbone.parameters()] == [not is_frozen, False] + [
            not is_frozen
        ] * 2
        assert all(each.requires_grad for each in model.head.parameters())
        assert model.head.training


def test_each_part_has_its_learning_rate() -> None:
    model = TwoParts()
    made = classifier(model, learning_rate=0.1, backbone_learning_rate=0.01)
    head, backbone = made._optimizer().param_groups
    assert (head["lr"], backbone["lr"]) == (0.1, 0.01)
    assert {id(each) for each in head["params"]} == {id(each) for each in model.head.parameters()}
    assert {id(each) for each in backbone["params"]} == {id(each) for each in model.backbone.parameters()}
    (everything,) = classifier(model)._optimizer().param_groups
    assert len(everything["params"]) == len(list(model.parameters()))


@pytest.mark.parametrize("model", [nn.Linear(2, 2), nn.Sequential()])
def test_a_part_that_is_not_there_is_named(model: nn.Module) -> None:
    with pytest.raises(ExperimentInvalid, match=r"optimizer.backbone_learning_rate: needs a model with a part named"):
        classifier(model, backbone_learning_rate=0.01)


def test_a_backbone_without_a_head_is_named() -> None:
    model = TwoParts()
    del model.head
    with pytest.raises(ExperimentInvalid, match="a head"):
        classifier(model, backbone_learning_rate=0.01)
