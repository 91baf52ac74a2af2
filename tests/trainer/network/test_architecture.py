"""All image-classification architectures of the installed transformers: each is trained or refused."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES

from tests.trainer.architectures import REFUSED, TINY
from trainer.experiment import experiment
from trainer.experiment.data import Data
from trainer.experiment.experiment import ExperimentInvalid
from trainer.experiment.sections import Model
from trainer.network import network
from trainer.network.network import Network

CLASSES = ("a", "b", "c")


def build(name: str, channels: int = 3) -> Network:
    config, size = TINY[name]
    loaded = experiment.parse({"model": {"architecture": name, "config": config}})
    return network.build(loaded.model, Data(image_size=size, channels=channels), CLASSES)


def test_every_architecture_is_tested_here() -> None:
    offered = MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES.values()
    names = {name for each in offered for name in ([each] if isinstance(each, str) else each)}
    assert names == set(TINY) | set(REFUSED)


@pytest.mark.parametrize("name", TINY)
def test_an_architecture_trains_on_images_of_these_classes(name: str) -> None:
    size = TINY[name][1]
    built = build(name)
    logits = built(torch.randn(2, 3, size, size))
    assert logits.shape == (2, 3)
    cross_entropy(logits, torch.tensor([0, 2])).backward()  # type: ignore[no-untyped-call]
    head = [each for each in built.parameters() if len(each) == 3 and each.grad is not None and each.grad.any()]
    assert head, "no layer with a row for each class has a gradient"


@pytest.mark.parametrize("name", REFUSED)
def test_an_architecture_for_other_inputs_is_refused(name: str) -> None:
    with pytest.raises(ExperimentInvalid) as raised:
        network.build(Model(name), Data(image_size=32), CLASSES)
    (problem,) = raised.value.errors["model.architecture"]
    assert REFUSED[name] in problem
    assert "pip" not in problem


def test_a_network_for_colour_images_refuses_one_channel() -> None:
    with pytest.raises(ExperimentInvalid) as raised:
        build("PPLCNetForImageClassification", channels=1)
    assert "must be 3" in raised.value.errors["data.channels"][0]


def test_the_config_of_a_nested_image_encoder_is_filled_in_and_checked() -> None:
    seen = build("CLIPForImageClassification", channels=1).model.config.vision_config
    assert (seen.image_size, seen.num_channels) == (32, 1)
    model = Model("CLIPForImageClassification", {"vision_config": {"hidden_sise": 16}})
    with pytest.raises(ExperimentInvalid) as raised:
        network.build(model, Data(image_size=32), CLASSES)
    assert list(raised.value.errors) == ["model.config.vision_config.hidden_sise"]
    with pytest.raises(ExperimentInvalid) as raised:
        experiment.parse(
            {"model": {"architecture": model.architecture, "config": {"vision_config": {"image_size": 8}}}}
        )
    assert list(raised.value.errors) == ["model.config.vision_config.image_size"]
