from __future__ import annotations

import fcntl
import hashlib
import json
import os
import struct
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import transformers

from tests.trainer.pretrained import save_pretrained
from tests.trainer.trainings import (
    EXPERIMENTS,
    OWN_NETWORK,
    ROOT,
    TINY,
    Launcher,
    Started,
    read_rows,
    write_config,
    write_images,
)
from trainer.dataset.imagefile import read_image
from trainer.experiment import experiment
from trainer.rundir import read_json

# what a completed training leaves


def test_a_completed_training_leaves_its_files_and_nothing_else(completed: Started) -> None:
    assert completed.process.returncode == 0, completed.log
    names = {
        path.relative_to(completed.run.path).as_posix() for path in completed.run.path.rglob("*") if path.is_file()
    }
    (best,) = completed.run.checkpoints.glob("epoch_*.ckpt")
    report = read_json(completed.run.report) or {}
    # Whether it makes any is the tiny network's affair.
    mistakes = ["report/mistakes.png", *(each["image"] for each in report["mistakes"])] if report["mistakes"] else []
    assert names == {
        "config.yaml",
        "progress.json",
        "csv/version_0/hparams.yaml",
        "csv/version_0/metrics.csv",
        f"checkpoints/{best.name}",
        f"checkpoints/{best.stem}.onnx",
        "checkpoints/last.ckpt",
        "checkpoints/last.json",
        "classification_model.json",
        "report.json",
        "report.md",
        "report/confusion_matrix.png",
        "report/reliability.png",
        "report/curves.png",
        "result.json",
        *mistakes,
    }


def test_the_metrics_hold_each_epoch_and_the_test(completed: Started) -> None:
    rows = read_rows(completed.run)
    for name in ("train/loss", "train/acc", "val/loss", "val/acc", "lr"):
        assert {row["epoch"] for row in rows if name in row} == {"0", "1", "2"}, name
    assert [set(row) for row in rows if "test/acc" in row] == [{"epoch", "step", "test/acc", "test/loss"}]
    assert [set(row) for row in rows if "train/loss" in row] == [{"epoch", "step", "train/loss", "train/acc", "lr"}] * 3
    steps = [(row["epoch"], row["step"]) for row in rows if set(row) == {"epoch", "step", "train/loss_step", "lr"}]
    assert steps == [("0", "1"), ("0", "3"), ("1", "5"), ("1", "7"), ("1", "9"), ("2", "11"), ("2", "13")]
    # 15 steps, a row every 2 and one at each epoch's end; Lightning counts steps in rows from 0.
    assert [row["step"] for row in rows if "lr" in row] == ["1", "3", "4", "5", "7", "9", "9", "11", "13", "14"]


def test_progress_and_result_tell_the_end(completed: Started) -> None:
    progress = completed.progress
    assert progress["phase"] == "export"
    assert (progress["epoch"], progress["max_epochs"]) == (2, 3)
    assert (progress["step"], progress["total_steps"]) == (15, 15)
    result = read_json(completed.run.result)
    card = read_json(completed.run.card)
    assert result is not None
    assert card is not None
    assert result["model_path"] == card["model_path"]
    assert result["test_metrics"] == card["test_metrics"]
    assert (completed.run.checkpoints / result["best_checkpoint"]).exists()


def test_the_report_agrees_with_the_metrics_and_the_images(completed: Started, squares: Path) -> None:
    report = read_json(completed.run.report)
    card = read_json(completed.run.card)
    assert report is not None
    assert card is not None
    (test,) = [row for row in read_rows(completed.run) if "test/acc" in row]
    assert report["accuracy"]["value"] == pytest.approx(float(test["test/acc"]), abs=1e-6)
    assert report["loss"] == pytest.approx(float(test["test/loss"]), abs=1e-6)
    assert report["accuracy"]["low"] < report["accuracy"]["value"] <= report["accuracy"]["high"]
    assert (report["run_id"], report["checkpoint"]) == ("completed", card["checkpoint"])
    classes, matrix = report["classes"], report["confusion_matrix"]
    assert [each["name"] for each in classes] == matrix["class_names"] == card["class_names"]
    assert [sum(row) for row in matrix["counts"]] == [each["support"] for each in classes] == [4, 4]
    assert sum(matrix["counts"][index][index] for index in range(2)) == report["num_right"]
    assert len(report["mistakes"]) == report["num_images"] - report["num_right"]
    assert all((squares / each["file"]).is_file() for each in report["mistakes"])


def test_the_log_says_the_essential_and_nothing_else(completed: Started) -> None:
    lines = completed.log.splitlines()
    assert [line.partition(" ")[0].rstrip(":") for line in lines] == [
        "loading",
        "decoding",
        "decoding",
        "decoding",
        "run",
        "torch",
        "images",
        "ResNetForImageClassification",
        "export",
        "epoch",
        "epoch",
        "epoch",
        "test",
        "report",
        "export",
        "completed",
    ]
    assert lines[6] == "images: 40 train, 8 val, 8 test; 2 classes"


def test_the_card_tells_what_a_consumer_needs(completed: Started, squares: Path) -> None:
    card = read_json(completed.run.card)
    assert card is not None
    assert card["run_id"] == "completed"
    assert (card["model_name"], card["config_name"], card["dataset_name"]) == ("squares", "tiny.yaml", "squares")
    assert card["class_names"] == ["dark", "bright"] or card["class_names"] == ["bright", "dark"]
    assert set(card["train_metrics"]) == {"train/loss", "train/acc"}
    assert set(card["test_metrics"]) == {"test/loss", "test/acc"}
    assert card["input_shape"] == [None, 1, 8, 8]
    assert 0 <= card["max_difference"] <= card["allowed_difference"]
    content = Path(card["model_path"]).read_bytes()
    assert card["sha256"] == hashlib.sha256(content).hexdigest()
    model = onnx.load_from_string(content)
    assert model.opset_import[0].version == card["opset"] == 18
    facts = {each.key: each.value for each in model.metadata_props}
    assert json.loads(facts["class_names"]) == card["class_names"]
    assert json.loads(facts["mean"]) == card["mean"]
    assert json.loads(facts["std"]) == card["std"]
    assert json.loads(facts["input_shape"]) == card["input_shape"]
    assert (facts["run_id"], facts["model_name"]) == ("completed", "squares")
    for name in ("max_difference", "allowed_difference"):
        assert json.loads(facts[name]) == card[name]
    assert facts["tolerance"] == card["tolerance"]
    assert (squares / "test" / card["class_names"][0]).is_dir()


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_a_consumer_gets_the_tested_accuracy_by_the_card_alone(
    completed: Started, squares: Path, batch_size: int
) -> None:
    card = read_json(completed.run.card)
    assert card is not None
    session = onnxruntime.InferenceSession(card["model_path"], providers=["CPUExecutionProvider"])
    paths = sorted((squares / "test").glob("*/*.png"))
    pixels = np.stack([read_image(path, 1, 8).transpose(2, 0, 1) for path in paths]).astype(np.float32) / 255
    images = (pixels - np.float32(card["mean"][0])) / np.float32(card["std"][0])
    logits = [session.run(["logits"], {"input": images[at : at + batch_size]})[0] for at in range(0, 8, batch_size)]
    found = [card["class_names"][index] for index in np.concatenate(logits).argmax(1)]
    right = np.mean([path.parent.name == name for path, name in zip(paths, found)])
    assert right == pytest.approx(card["test_metrics"]["test/acc"])


def test_checkpoints_hold_nothing_that_would_be_executed(completed: Started) -> None:
    for path in completed.run.checkpoints.glob("*.ckpt"):
        assert torch.load(path, weights_only=True)["state_dict"]


def test_the_config_left_is_the_experiment_as_it_was_trained(completed: Started, tiny: Path) -> None:
    assert experiment.load(completed.run.config) == experiment.load(tiny)


# what an option does


@pytest.mark.slow
def test_the_same_seed_gives_the_same_metrics_with_and_without_cache_and_workers(
    completed: Started, launcher: Launcher, tiny: Path, squares: Path
) -> None:
    assert "decoding the 40 images" in completed.log
    again = launcher.train(tiny, squares, "--set=data.cache=false", "--set=data.num_workers=2")
    assert "decoding" not in again.log
    assert read_rows(again.run) == read_rows(completed.run)


@pytest.mark.slow
def test_early_stopping_ends_sooner_and_counts_as_completed(launcher: Launcher, tiny: Path, squares: Path) -> None:
    # min_delta is larger than any improvement can be, so the second epoch is the last.
    options = ["trainer.max_epochs=9", "early_stopping.patience=1", "early_stopping.min_delta=100"]
    done = launcher.train(tiny, squares, *(f"--set={option}" for option in options))
    assert done.process.returncode == 0, done.log
    assert "early stopping: val/loss has not improved for 1 epochs" in done.log
    assert {row["epoch"] for row in read_rows(done.run) if "val/loss" in row} == {"0", "1"}
    assert (read_json(done.run.result) or {})["epochs"] == 2


@pytest.mark.slow
def test_other_options_and_names_in_any_alphabet_work(launcher: Launcher, tmp_path: Path) -> None:
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
    # 5 batches, 2 to a step: 3 steps an epoch.
    assert done.progress["total_steps"] == 9 == done.progress["step"]


def test_a_network_that_cannot_be_exported_is_not_trained(launcher: Launcher, squares: Path, tmp_path: Path) -> None:
    branch = "        images = images * 2 if images.sum() > 0 else images\n"
    (tmp_path / "branching.py").write_text(
        OWN_NETWORK.replace("        return self.head", branch + "        return self.head")
    )
    config = write_config(tmp_path, "model: {class_path: branching.TwoParts}\n" + TINY[TINY.index("data:") :])
    done = launcher.train(config, squares, PYTHONPATH=str(tmp_path))
    assert done.process.returncode == 1
    assert done.last_line.startswith("error: export: the network cannot be exported to ONNX, so it is not trained: its")
    assert done.last_line.endswith("(branching.py, line 11)")
    assert "epoch 0" not in done.log
    assert not list(done.run.checkpoints.iterdir())


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
def test_a_transfer_experiment_trains_a_local_folder_on_grey_images(
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


# in a terminal


@pytest.mark.slow
def test_in_a_terminal_it_shows_a_bar_and_finds_a_folder_of_its_own(tiny: Path, squares: Path, tmp_path: Path) -> None:
    parent, child = os.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    folders = [f"--{split}-data-dir={squares / split}" for split in ("train", "val", "test")]
    process = subprocess.Popen(
        [sys.executable, "-m", "trainer", str(tiny), *folders],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=child,
        stderr=child,
    )
    os.close(child)
    shown = b""
    while True:
        try:
            chunk = os.read(parent, 4096)
        except OSError:  # how Linux says that the other end of a terminal was closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(parent)
    assert process.wait(60) == 0, shown
    (run,) = (tmp_path / "logs" / "train" / "local").iterdir()
    assert f"completed: logs/train/local/{run.name}".encode() in shown
    assert b"\rEpoch 0" in shown
    assert (run / "result.json").exists()


def test_help_is_shown_without_waiting_for_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "trainer", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--train-data-dir" in done.stdout
    assert "torch" not in done.stderr


@pytest.mark.slow
def test_one_image_left_over_for_the_last_batch_is_trained_on(launcher: Launcher, tiny: Path, squares: Path) -> None:
    options = ["--set=data.batch_size=13", "--set=trainer.max_epochs=1"]  # of 40 images
    done = launcher.train(tiny, squares, *options)
    assert done.process.returncode == 0, done.log
    assert done.progress["total_steps"] == 3


def test_a_batch_size_of_one_that_batch_norm_cannot_train_on_is_refused(
    launcher: Launcher, tiny: Path, squares: Path
) -> None:
    done = launcher.train(tiny, squares, "--set=data.batch_size=1")
    assert done.process.returncode == 1
    assert done.last_line.startswith("error: data.batch_size: must be at least 2, two images per device")
    assert "Traceback" not in done.log
