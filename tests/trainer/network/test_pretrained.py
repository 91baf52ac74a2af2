from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers

from tests.trainer.pretrained import save_pretrained
from trainer.experiment.data import Data
from trainer.experiment.experiment import ExperimentInvalid
from trainer.experiment.sections import Model
from trainer.network import network, preprocessing, pretrained
from trainer.network.network import Network
from trainer.reasons import says_everything


def build(folder: Path, channels: int = 3, size: int = 16, classes: tuple[str, ...] = ("a", "b", "c")) -> Network:
    return network.build(Model(pretrained=str(folder)), Data(image_size=size, channels=channels), classes)


@pytest.mark.parametrize("name", ["vit", "convnext", "resnet"])
def test_all_weights_but_the_heads_are_loaded(tmp_path: Path, name: str) -> None:
    folder = save_pretrained(tmp_path / "vörtrainiert", name)
    original = transformers.AutoModelForImageClassification.from_pretrained(folder).state_dict()
    for classes in (("a", "b", "c"), ("a", "b")):
        loaded = build(folder, classes=classes).model.state_dict()
        assert loaded.keys() == original.keys()
        for key, weight in original.items():
            is_loaded = loaded[key].shape == weight.shape and torch.equal(loaded[key], weight)
            assert is_loaded == (not key.startswith("classifier.")), key
    same = build(folder, classes=("cat", "dog")).model.state_dict()
    assert all(torch.equal(same[key], weight) for key, weight in original.items())


@pytest.mark.parametrize("name", ["vit", "convnext", "resnet"])
def test_adapting_the_channels_keeps_the_output_for_grey_images(tmp_path: Path, name: str) -> None:
    grey_image = torch.rand(2, 1, 16, 16)
    classes = ("cat", "dog")  # the same number as in the model, so that its head is loaded
    rgb = build(save_pretrained(tmp_path / "rgb", name), classes=classes).eval()
    grey = build(tmp_path / "rgb", channels=1, classes=classes).eval()
    expected = rgb(grey_image.expand(-1, 3, -1, -1))
    assert torch.allclose(grey(grey_image), expected, atol=1e-5)
    grey.model.save_pretrained(tmp_path / "grey")
    again = build(tmp_path / "grey", channels=3, classes=classes).eval()
    assert torch.allclose(again(grey_image.expand(-1, 3, -1, -1)), expected, atol=1e-5)
    assert not torch.allclose(again(torch.rand(2, 3, 16, 16)), expected, atol=1e-5)


def test_a_model_saved_in_half_precision_is_trained_in_float32(tmp_path: Path) -> None:
    folder = save_pretrained(tmp_path, "vit")
    transformers.ViTForImageClassification.from_pretrained(folder).bfloat16().save_pretrained(folder)
    assert {each.dtype for each in build(folder).parameters()} == {torch.float32}


def test_a_folder_without_matching_weights_is_refused(tmp_path: Path) -> None:
    folder = save_pretrained(tmp_path / "vit", "vit")
    with pytest.raises(ExperimentInvalid) as raised:
        build(folder, size=8)
    assert "8x8" in raised.value.errors["data"][0]
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 8}))
    with pytest.raises(ExperimentInvalid, match=r"weights.*: vit\."):
        build(folder)
    with pytest.raises(ExperimentInvalid, match=str(tmp_path)):
        build(tmp_path)


# preprocessing


def resolve(folder: Path, data: Data) -> Data:
    return preprocessing.resolve(Model(pretrained=str(folder)), data)


def test_size_mean_and_std_come_from_the_pretrained_model_unless_set(tmp_path: Path) -> None:
    folder = save_pretrained(tmp_path, "vit", image_size=20)
    assert resolve(folder, Data()) == Data(image_size=20, mean=(0.4, 0.5, 0.6), std=(0.5, 0.5, 0.5))
    assert resolve(folder, Data(channels=1)) == Data(image_size=20, channels=1, mean=(0.5,), std=(0.5,))
    chosen = Data(image_size=8, mean=(0.1, 0.2, 0.3), std=(1.0, 1.0, 1.0))
    assert resolve(folder, chosen) == chosen
    (folder / "preprocessor_config.json").unlink()
    assert resolve(folder, Data()) == Data(image_size=20)  # the size in its config; mean and std will be measured
    assert preprocessing.resolve(Model("ViTForImageClassification"), Data()) == Data(image_size=224)


@pytest.mark.parametrize(
    ("values", "size", "mean", "std"),
    [
        ({"size": {"shortest_edge": 24}}, 24, 0.5, 0.25),
        ({"size": 24}, 24, 0.5, 0.25),
        ({"size": 24, "crop_size": {"height": 20, "width": 20}, "do_center_crop": True}, 20, 0.5, 0.25),
        ({"size": 24, "crop_size": 20, "do_center_crop": False}, 24, 0.5, 0.25),
        ({"do_normalize": False}, 16, 0.0, 1.0),
        ({"do_rescale": False, "image_mean": [127.5] * 3, "image_std": [51] * 3}, 16, 0.5, 0.2),
        ({"rescale_factor": 1 / 127.5, "rescale_offset": True, "image_mean": [0], "image_std": [1]}, 16, 0.5, 0.5),
    ],
)
def test_every_form_of_preprocessor_config_is_understood(
    tmp_path: Path, values: dict[str, object], size: int, mean: float, std: float
) -> None:
    folder = save_pretrained(tmp_path, "vit", **{"image_mean": [0.5] * 3, "image_std": [0.25] * 3, **values})
    found = resolve(folder, Data())
    assert found.image_size == size
    assert found.mean == pytest.approx((mean,) * 3)
    assert found.std == pytest.approx((std,) * 3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": {"height": 8, "width": 9}}, "not square"),
        ({"image_std": [0, 1, 1]}, "image_std"),
        ({"image_mean": [0.5, 0.5]}, "2 channels"),
    ],
)
def test_an_unusable_preprocessing_is_refused_with_the_parameters_to_use(
    tmp_path: Path, values: dict[str, object], message: str
) -> None:
    with pytest.raises(ExperimentInvalid, match=f"{message}.*data.image_size"):
        resolve(save_pretrained(tmp_path, "vit", **values), Data())


class Program:
    """An object whose pickle runs a program when it is loaded."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("exit 1",)


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"weight": Program()}, folder / "pytorch_model.bin")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "program": pickled,
    "plain pickle": lambda folder: (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Program())),
    "garbage": lambda folder: (folder / "pytorch_model.bin").write_bytes(b"garbage"),
    "empty": lambda folder: (folder / "pytorch_model.bin").write_bytes(b""),
    "cut safetensors": lambda folder: (folder / "model.safetensors").write_bytes(b"\x10"),
    "no layers": lambda folder: (folder / "config.json").write_text('{"model_type": "resnet", "hidden_sizes": []}'),
    "ill-typed": lambda folder: (folder / "config.json").write_text('{"model_type": "resnet", "hidden_sizes": 7}'),
    "index": lambda folder: (folder / "model.safetensors.index.json").write_text("[]"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_is_refused_without_advice_to_turn_off_protection(tmp_path: Path, damage: str) -> None:
    folder = save_pretrained(tmp_path / "model", "resnet")
    if damage in ("plain pickle", "garbage", "empty", "index"):
        (folder / "model.safetensors").unlink()
    DAMAGES[damage](folder)
    with pytest.raises(ExperimentInvalid) as raised:
        pretrained.load(str(folder), 3, ("a", "b"))
    (problem,) = raised.value.errors["model.pretrained"]
    assert str(folder) in problem
    assert "weights_only" not in problem
    assert ("safetensors (" in problem) == (damage in ("program", "plain pickle", "garbage"))
    assert says_everything(raised.value), "the message needs no traceback"
