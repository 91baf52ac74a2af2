"""The shipped experiments, and a ConvNeXt."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers

from tests.trainer.pretrained import save_pretrained
from tests.trainer.trainings import EXPERIMENTS, Launcher, write_config
from trainer.rundir import read_json


@pytest.mark.slow
@pytest.mark.parametrize(("name", "accuracy"), [("digits_resnet", 0.985), ("digits_vit", 0.97)])
def test_the_shipped_experiments_learn_the_digits(launcher: Launcher, digits: Path, name: str, accuracy: float) -> None:
    done = launcher.train(EXPERIMENTS / f"{name}.yaml", digits)
    assert done.process.returncode == 0, done.log
    assert (read_json(done.run.result) or {})["test_metrics"]["test/acc"] >= accuracy


CONVNEXT = """
model:
  architecture: ConvNextForImageClassification
  config: {hidden_sizes: [32, 64], depths: [1, 1], num_stages: 2, patch_size: 2, layer_scale_init_value: 1.0,
           initializer_range: 0.1}
data:
  image_size: 16
  channels: 1
  batch_size: 32
  augmentation: {rotation_deg: 10, translation: 0.06, scale: 0.1}
optimizer: {learning_rate: 0.004}
trainer: {max_epochs: 9, cpu_threads: 1}
"""


@pytest.mark.slow
def test_a_convnext_learns_the_digits(launcher: Launcher, digits: Path, tmp_path: Path) -> None:
    done = launcher.train(write_config(tmp_path, CONVNEXT), digits)
    assert done.process.returncode == 0, done.log
    assert (read_json(done.run.result) or {})["test_metrics"]["test/acc"] >= 0.97


@pytest.mark.slow
@pytest.mark.parametrize(("name", "num_frozen"), [("vit", 2), ("convnext", 1)])
def test_a_transfer_experiment_trains_a_local_model_on_grey_images(
    launcher: Launcher, squares: Path, tmp_path: Path, name: str, num_frozen: int
) -> None:
    folder = save_pretrained(tmp_path / "größe", name, image_size=8)
    settings = [
        f"model.pretrained={folder}",
        "data.channels=1",
        "data.batch_size=8",
        "data.num_workers=0",
        "trainer.max_epochs=2",
        "trainer.cpu_threads=1",
        f"trainer.freeze_backbone_epochs={num_frozen}",
    ]
    options = [f"--set={setting}" for setting in settings]
    done = launcher.train(EXPERIMENTS / f"transfer_{name}.yaml", squares, *options)
    assert done.process.returncode == 0, done.log
    card = read_json(done.run.card)
    assert card is not None
    assert (card["input_shape"], card["mean"], card["std"]) == ([None, 1, 8, 8], [0.5], [0.5])
    before = transformers.AutoModelForImageClassification.from_pretrained(folder).state_dict()
    after = torch.load(done.run.last_checkpoint, weights_only=True)["state_dict"]
    body = [each for each in before if each.startswith(f"{name}.") and each.endswith("layernorm.weight")]
    assert body
    assert all(torch.equal(before[each], after[f"network.model.{each}"]) == (num_frozen == 2) for each in body)
