from __future__ import annotations

import pytest
from torch import nn

from tests.trainer.classifiers import optimizer_of, untrained
from trainer.experiment.experiment import ExperimentInvalid, parse
from trainer.fit.module import Classifier
from trainer.network.network import Network
from trainer.network.param_groups import BackboneFreezing


class TwoParts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
        self.head = nn.Linear(4, 2)


def classifier(model: nn.Module, **optimizer: float) -> Classifier:
    content = {"model": {"class_path": "a.B"}, "optimizer": optimizer}
    experiment = parse(content)
    return Classifier(Network(model), experiment, [0.5], [0.5], untrained(experiment))


def test_a_backbone_is_frozen_for_some_epochs_and_then_trained_where_it_was_trainable() -> None:
    model = TwoParts()
    model.backbone[0].bias.requires_grad_(False)
    freezing = BackboneFreezing(model.backbone, 2)
    for epoch, is_frozen in ((0, True), (1, True), (2, False), (3, False)):
        freezing.apply(epoch)
        assert model.backbone[1].training is not is_frozen  # or its batch-norm statistics would change
        assert [each.requires_grad for each in model.backbone.parameters()] == [not is_frozen, False] + [
            not is_frozen
        ] * 2
        assert all(each.requires_grad for each in model.head.parameters())
        assert model.head.training


def test_head_and_backbone_have_their_own_learning_rates() -> None:
    model = TwoParts()
    made = classifier(model, learning_rate=0.1, backbone_learning_rate=0.01)
    head, backbone = optimizer_of(made).param_groups
    assert (head["lr"], backbone["lr"]) == (0.1, 0.01)
    assert {id(each) for each in head["params"]} == {id(each) for each in model.head.parameters()}
    assert {id(each) for each in backbone["params"]} == {id(each) for each in model.backbone.parameters()}
    (everything,) = optimizer_of(classifier(model)).param_groups
    assert len(everything["params"]) == len(list(model.parameters()))


@pytest.mark.parametrize("model", [nn.Linear(2, 2), nn.Sequential()])
def test_a_model_without_a_backbone_is_refused(model: nn.Module) -> None:
    with pytest.raises(ExperimentInvalid, match=r"optimizer\.backbone_learning_rate: .*backbone"):
        classifier(model, backbone_learning_rate=0.01)


def test_a_backbone_without_a_head_is_refused() -> None:
    model = TwoParts()
    del model.head
    with pytest.raises(ExperimentInvalid, match="head"):
        classifier(model, backbone_learning_rate=0.01)
