from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainer.trainings import OWN_NETWORK
from trainer.experiment.data import Data
from trainer.experiment.experiment import ExperimentInvalid
from trainer.experiment.sections import Model
from trainer.network import network

MORE = """
class WithLogits(TwoParts):
    def forward(self, images):
        output = type("Output", (), {})()
        output.logits = super().forward(images)
        return output

class Tuple(TwoParts):
    def forward(self, images):
        return (super().forward(images),)

class Fails(TwoParts):
    def __init__(self):
        raise OSError("no weights\\nhere")

class Nothing(torch.nn.Module):
    def forward(self, images):
        return images.new_zeros(len(images), 3)

class NoModule:
    pass

number = 3
"""


@pytest.fixture(autouse=True)
def own_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_networks_of_a_test.py").write_text(OWN_NETWORK + MORE)
    (tmp_path / "own_networks_broken.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)


def build(
    name: str, init_args: dict[str, Any] | None = None, module: str = "own_networks_of_a_test"
) -> network.Network:
    model = Model(class_path=f"{module}.{name}", init_args=init_args or {})
    return network.build(model, Data(image_size=8, channels=1), ("a", "b", "c"))


@pytest.mark.parametrize("name", ["TwoParts", "WithLogits"])
def test_a_custom_module_receives_its_arguments_and_returns_logits(name: str) -> None:
    built = build(name, {"width": 5})
    assert built(torch.zeros(2, 1, 8, 8)).shape == (2, 3)
    assert built.model.head.in_features == 5
    assert built.backbone is built.model.backbone


@pytest.mark.parametrize(
    ("name", "init_args", "module", "key", "fact"),
    [
        ("TwoParts", {"widht": 5}, None, "model.init_args.widht", "not a parameter of"),
        ("TwoParts", {"num_classes": 4}, None, "data", "(2, 4) instead of (2, 3)"),
        ("Tuple", {}, None, "data", "'tuple' object has no attribute 'logits'"),
        ("Fails", {}, None, "model.init_args", "OSError: no weights here"),
        ("Nothing", {}, None, "model", "no trainable weights"),
        ("NoModule", {}, None, "model.class_path", "not a torch.nn.Module"),
        ("number", {}, None, "model.class_path", "has no class number"),
        ("Absent", {}, None, "model.class_path", "has no class Absent"),
        ("A", {}, "own_networks_broken", "model.class_path", "ZeroDivisionError"),
        ("A", {}, "own_networks_absent", "model.class_path", "No module named"),
    ],
)
def test_an_unusable_class_is_refused_with_the_reason(
    name: str, init_args: dict[str, Any], module: str | None, key: str, fact: str
) -> None:
    with pytest.raises(ExperimentInvalid) as raised:
        build(name, init_args, module or "own_networks_of_a_test")
    assert fact in raised.value.errors[key][0]
    assert "\n" not in str(raised.value)
