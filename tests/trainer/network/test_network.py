from __future__ import annotations

from typing import Any

import pytest
import torch

from trainer.experiment.data import Data
from trainer.experiment.experiment import ExperimentInvalid
from trainer.experiment.sections import Model
from trainer.network import network

RESNET = {"embedding_size": 8, "hidden_sizes": [8], "depths": [1], "layer_type": "basic"}
VIT = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "patch_size": 4}


@pytest.mark.parametrize(
    ("architecture", "config"),
    [
        ("ResNetForImageClassification", RESNET),
        ("ViTForImageClassification", VIT),
        ("ConvNextForImageClassification", {"hidden_sizes": [8, 16, 16, 16], "depths": [1, 1, 1, 1], "patch_size": 1}),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_an_architecture_is_built_for_the_data(architecture: str, config: dict[str, Any], channels: int) -> None:
    data = Data(image_size=16, channels=channels)
    built = network.build(Model(architecture, config), data, ("a", "b", "ü"))
    assert built(torch.zeros(2, channels, 16, 16)).shape == (2, 3)
    assert built.training
    assert built.model.config.id2label == {0: "a", 1: "b", 2: "ü"}


@pytest.mark.parametrize(
    ("model", "key", "message"),
    [
        (Model("NoSuchForImageClassification"), "model.architecture", "has no NoSuch"),
        (Model("AutoModelForImageClassification"), "model.architecture", "has no Auto"),
        (
            Model("ResNetForImageClassification", {"hidden_sizez": [8]}),
            "model.config.hidden_sizez",
            "is not a config value",
        ),
        (Model("ResNetForImageClassification", {"hidden_sizes": "x"}), "model.config", "hidden_sizes"),
        (Model("ViTForImageClassification", VIT | {"hidden_act": "nope"}), "model.config", "nope"),
        (Model(pretrained="./no/such/folder"), "model.pretrained", "does not exist"),
        (Model(pretrained="/no/such/folder"), "model.pretrained", "does not exist"),
    ],
)
def test_a_model_that_cannot_be_built_is_refused_with_the_reason(model: Model, key: str, message: str) -> None:
    with pytest.raises(ExperimentInvalid) as raised:
        network.build(model, Data(image_size=16, channels=1), ("a", "b"))
    assert message in raised.value.errors[key][0]
    assert "\n" not in str(raised.value)
