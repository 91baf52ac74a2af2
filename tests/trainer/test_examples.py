"""The shipped experiments."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers

from tests.trainer.pretrained import save_pretrained
from tests.trainer.trainings import EXPERIMENTS, Launcher
from trainer.rundir import read_json


@pytest.mark.slow
def test_a_vit_begins_to_learn_the_digits(launcher: Launcher, digits: Path) -> None:
    """The demo in the documents trains the ResNet to its end: tests/test_docs.py."""
    done = launcher.train(EXPERIMENTS / "digits_vit.yaml", digits, "--set=trainer.max_epochs=2")
    assert done.process.returncode == 0, done.log
    assert (read_json(done.run.result) or {})["test_metrics"]["test/acc"] >= 0.5


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
