"""Trainings with various parameters."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from tests.trainer.trainings import OWN_NETWORK, TINY, Launcher, Trained, read_rows, write_config, write_images
from trainer.rundir import read_json

ONE_PIXEL = "--set=data.image_size=4"
"""The last batch norm of the tiny network gets one value per image and channel."""


@pytest.mark.slow
def test_the_same_seed_gives_the_same_metrics_with_and_without_cache_and_workers(
    completed: Trained, launcher: Launcher, tiny: Path, squares: Path
) -> None:
    assert "decoding the 40 images" in completed.log
    again = launcher.train(tiny, squares, "--set=data.cache=false", "--set=data.num_workers=2")
    assert "decoding" not in again.log
    assert read_rows(again.run) == read_rows(completed.run)


@pytest.mark.slow
def test_early_stopping_completes_a_training_early(launcher: Launcher, tiny: Path, squares: Path) -> None:
    # No improvement can reach min_delta, so the second epoch is the last.
    options = ["trainer.max_epochs=9", "early_stopping.patience=1", "early_stopping.min_delta=100"]
    done = launcher.train(tiny, squares, *(f"--set={option}" for option in options))
    assert done.process.returncode == 0, done.log
    assert "early stopping: val/loss" in done.log
    assert {row["epoch"] for row in read_rows(done.run) if "val/loss" in row} == {"0", "1"}
    assert (read_json(done.run.result) or {})["epochs"] == 2


@pytest.mark.slow
def test_many_parameters_and_names_in_any_alphabet_work_together(launcher: Launcher, tmp_path: Path) -> None:
    data = write_images(tmp_path / "Größen 大小", {"klein ✓": 60, "groß": 180})
    sections = """
optimizer: {name: sgd, learning_rate: 0.05, momentum: 0.8}
scheduler: {name: linear}
checkpoint: {monitor: val/acc, last_every_n_epochs: 2}
"""
    settings = [
        "data.channels=3",
        "data.augmentation.rotation_deg=10",
        "optimizer.backbone_learning_rate=0.01",
        "trainer.freeze_backbone_epochs=1",
        "loss.class_weights=balanced",
        "trainer.ema_decay=0.9",
        "trainer.precision=bf16",
        "trainer.accumulate_batches=2",
        "trainer.gradient_clip_norm=1.0",
        "export.opset=20",
        "export.include_preprocessing=true",
        "export.variants=[int8]",
    ]
    (tmp_path / "my_networks.py").write_text(OWN_NETWORK)
    model = "model: {class_path: my_networks.TwoParts, init_args: {width: 6}}\n"
    config = write_config(tmp_path, model + TINY[TINY.index("data:") :] + sections)
    options = [f"--set={setting}" for setting in settings]
    done = launcher.train(config, data, "--model-name=größe", *options, name="läuft 跑", PYTHONPATH=str(tmp_path))
    assert done.process.returncode == 0, done.log
    card = read_json(done.run.card)
    assert card is not None
    assert card["class_names"] == ["groß", "klein ✓"]
    assert (card["run_id"], card["model_name"], card["dataset_name"]) == ("läuft 跑", "größe", "Größen 大小")
    facts = {each.key: each.value for each in onnx.load(card["model_path"]).metadata_props}
    assert json.loads(facts["class_names"]) == card["class_names"]
    assert card["opset"] == 20
    assert [(entry["name"], Path(entry["model_path"]).exists()) for entry in card["variants"]] == [("int8", True)]
    assert "my_networks.TwoParts: " in done.log
    # 5 batches per epoch and 2 batches per step make 3 steps per epoch.
    assert done.progress["total_steps"] == 9 == done.progress["step"]


@pytest.mark.slow
def test_one_image_left_over_for_the_last_batch_is_skipped_with_batch_norm(
    launcher: Launcher, tiny: Path, squares: Path
) -> None:
    options = [ONE_PIXEL, "--set=data.batch_size=13", "--set=trainer.max_epochs=1"]  # of 40 images
    done = launcher.train(tiny, squares, *options)
    assert done.process.returncode == 0, done.log
    assert done.progress["total_steps"] == 3


def test_a_batch_size_of_one_is_refused_with_batch_norm(launcher: Launcher, tiny: Path, squares: Path) -> None:
    done = launcher.train(tiny, squares, ONE_PIXEL, "--set=data.batch_size=1")
    assert done.process.returncode == 1
    assert done.last_line.startswith("error: data.batch_size: must be at least 2")
    assert "Traceback" not in done.log
