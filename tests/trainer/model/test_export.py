"""The ONNX export: the networks that it accepts, and its errors."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.trainer.architectures import TINY
from trainer.experiment.data import Data
from trainer.experiment.sections import Model
from trainer.model.agreement import RULE, compare
from trainer.model.export import Exported, ExportFailed, export, put_in_place
from trainer.model.session import Outputs, softmax
from trainer.network import network
from trainer.network.network import Network

pytestmark = pytest.mark.filterwarnings("ignore")  # The exporter's warnings for its developers.


def export_small(net: Network, folder: Path, channels: int = 1, size: int = 8, num_images: int = 3) -> Exported:
    facts: dict[str, Any] = {"class_names": ["a", "b", "c"], "channels": channels, "image_size": size}
    facts |= {"mean": [0.5] * channels, "std": [0.25] * channels, "includes_preprocessing": False}
    shape = (num_images, channels, size, size)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return export(net, folder / "a.onnx", pixels, (pixels.float() / 255 - 0.5) / 0.25, 18, facts)


class Linear(nn.Module):
    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.head = nn.Linear(64, 3)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(images.flatten(1)) * self.scale
        return logits


class Branches(Linear):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images * 2 if images.sum() > 0 else images)


class WithoutOperator(Linear):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(torch.special.bessel_j0(images))


class Random(Linear):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images) + torch.rand(1)


class NotFinite(Linear):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images) / 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["SwinForImageClassification", "HieraForImageClassification", "CLIPForImageClassification"]
)
def test_architectures_with_special_cases_are_exported(name: str, tmp_path: Path) -> None:
    config, size = TINY[name]
    net = network.build(Model(name, config), Data(image_size=size), ("a", "b", "c"))
    exported = export_small(net, tmp_path, 3, size)
    assert exported.agreement.max_difference < 1e-5


@pytest.mark.slow
def test_the_tolerance_is_relative_to_large_logits(tmp_path: Path) -> None:
    exported = export_small(Network(Linear(1e6)), tmp_path)
    assert exported.agreement.allowed_difference > 10
    assert exported.agreement.max_difference <= exported.agreement.allowed_difference
    facts = {each.key: each.value for each in onnx.load(exported.path).metadata_props}
    assert facts["tolerance"] == RULE
    assert json.loads(facts["max_difference"]) == exported.agreement.max_difference
    assert json.loads(facts["allowed_difference"]) == exported.agreement.allowed_difference


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "fact"),
    [
        (Branches(), "depends on pixel values"),
        (WithoutOperator(), "prims.bessel_j0"),
        (Random(), "differ"),
        (NotFinite(), "not finite"),
    ],
)
def test_a_failed_export_is_described_in_one_line(model: nn.Module, fact: str, tmp_path: Path) -> None:
    with pytest.raises(ExportFailed) as raised:
        export_small(Network(model), tmp_path)
    assert fact in str(raised.value)
    for noise in ("\n", "\x1b", "Next steps", "<class"):
        assert noise not in str(raised.value)
    assert not list(tmp_path.iterdir())


def outputs(*logits: list[float], probabilities: NDArray[Any] | None = None) -> Outputs:
    found = np.array(logits, np.float32)
    return Outputs(found, softmax(found) if probabilities is None else probabilities)


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verified, path = tmp_path / "verified", tmp_path / "model.onnx"
    verified.write_bytes(b"content")
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append((os.fstat(descriptor).st_ino, path.exists())))
    assert put_in_place(verified, path) == (7, hashlib.sha256(b"content").hexdigest())
    assert flushed == [(path.stat().st_ino, False)]
    assert not verified.exists()


def test_a_file_agrees_within_the_tolerance() -> None:
    agreement = compare(outputs([3000.2, -1.0]), np.array([[3000.0, -1.0]], np.float32))
    assert agreement.max_difference == pytest.approx(0.2, abs=1e-3)
    assert agreement.allowed_difference == pytest.approx(0.3)
    compare(outputs([0.1, 0.1 - 1e-6]), np.array([[0.1, 0.1 + 1e-6]], np.float32))


@pytest.mark.parametrize(
    ("actual", "expected", "fact"),
    [
        (outputs([3000.4, -1.0]), [[3000.0, -1.0]], r"differ.*0\.4.*0\.3"),
        (outputs([0.0002, 0.0]), [[0.0, 0.0]], "differ"),
        (outputs([float("nan"), 0.0]), [[0.0, 0.0]], "differ"),
        (outputs([3000.0, 3000.1]), [[3000.1, 3000.0]], "another class"),
        (outputs([1.0, 2.0, 3.0]), [[1.0, 2.0]], "shape"),
        (outputs([1.0, 2.0], probabilities=np.array([[0.5, 0.5]])), [[1.0, 2.0]], "softmax"),
        (outputs([1.0, 2.0]), [[1.0, float("inf")]], "not finite"),
    ],
)
def test_a_file_that_disagrees_is_refused(actual: Outputs, expected: list[list[float]], fact: str) -> None:
    with pytest.raises(ValueError, match=fact):
        compare(actual, np.array(expected, np.float32))
