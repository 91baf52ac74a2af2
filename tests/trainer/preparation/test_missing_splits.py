"""Trainings on datasets without a val or a test folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.trainer.trainings import Launcher, Started, read_rows, write_images
from trainer.rundir import read_json


@pytest.fixture(scope="module")
def only_train(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_images(tmp_path_factory.mktemp("data") / "pets", {"cat": 60, "dog": 180})
    for split in ("val", "test"):
        shutil.rmtree(folder / split)
    return folder


@pytest.fixture(scope="module")
def completed(session_launcher: Launcher, tiny: Path, only_train: Path) -> Started:
    done = session_launcher.train(tiny, only_train, "--set=export.variants=[fp16]", name="only_train")
    assert done.process.returncode == 0, done.log
    return done


def test_val_images_are_split_off_and_the_log_says_so(completed: Started) -> None:
    assert "images: 34 train, 6 val; 2 classes" in completed.log
    assert "val images: 15% of the train images of each class" in completed.log
    assert "no test images: the model is not tested" in completed.log


def test_the_card_says_where_each_split_comes_from(completed: Started, only_train: Path) -> None:
    card = read_json(completed.run.card) or {}
    train = str(only_train / "train")
    assert card["splits"] == {
        "train": {"path": train, "num_images": 34, "num_unreadable": 0, "split_off": None},
        "val": {"path": train, "num_images": 6, "num_unreadable": 0, "split_off": {"share": 0.15, "seed": 0}},
        "test": None,
    }
    assert card["test_metrics"] == {}
    assert {"val_acc", "original_val_acc"} <= card["variants"][0].keys()
    assert "test_acc" not in card["variants"][0]


def test_the_report_is_on_val_and_says_so(completed: Started) -> None:
    report = read_json(completed.run.report) or {}
    assert (report["split"], report["num_images"], report["splits"]["test"]) == ("val", 6, None)
    split_off, untested = report["notes"]
    assert "val" in split_off
    assert "15%" in split_off
    assert "no test images" in untested
    text = completed.run.report_text.read_text()
    assert untested in text
    assert "| test images |" not in text
    assert all(mistake["file"].startswith("train/") for mistake in report["mistakes"])


def test_the_metrics_have_no_test_row_and_one_val_row_per_epoch(completed: Started) -> None:
    rows = read_rows(completed.run)
    assert not any(name.startswith("test/") for row in rows for name in row)
    assert [row["epoch"] for row in rows if "val/loss" in row] == ["0", "1", "2"]
    report = read_json(completed.run.report) or {}
    best = json.loads(completed.run.result.read_text())["best_checkpoint"]
    (loss,) = [row["val/loss"] for row in rows if "val/loss" in row and best == f"epoch_{int(row['epoch']):03}.ckpt"]
    assert report["loss"] == pytest.approx(float(loss), abs=1e-6)


def test_a_resume_uses_the_same_images(launcher: Launcher, tiny: Path, only_train: Path, completed: Started) -> None:
    resumed = launcher.train(
        tiny, only_train, f"--resume-from={completed.run.path}", "--set=trainer.max_epochs=4", name="resumed"
    )
    assert resumed.process.returncode == 0, resumed.log
    assert (read_json(resumed.run.report) or {})["num_images"] == 6


def test_val_and_test_images_are_split_off_on_request(launcher: Launcher, tiny: Path, only_train: Path) -> None:
    options = ("--set=data.test_share=0.2", "--set=trainer.max_epochs=1", "--set=seed=5")
    done = launcher.train(tiny, only_train, *options, name="both")
    assert done.process.returncode == 0, done.log
    report = read_json(done.run.report) or {}
    assert (report["split"], report["num_images"]) == ("test", 8)
    assert report["splits"]["test"]["split_off"] == {"share": 0.2, "seed": 5}
    assert "test/acc" in (read_json(done.run.card) or {})["test_metrics"]


def test_a_class_too_small_to_split_is_reported(launcher: Launcher, tiny: Path, tmp_path: Path) -> None:
    folder = write_images(tmp_path / "pets", {"cat": 60, "dog": 180, "owl": 100}, counts=(4, 1, 1))
    shutil.rmtree(folder / "val")
    for name in ("1.png", "2.png", "3.png"):
        shutil.copy(folder / "train" / "owl" / "0.png", folder / "train" / "owl" / name)
    done = launcher.train(tiny, folder, name="small")
    assert done.process.returncode == 1
    assert done.last_line.startswith("error: no val images can be split off the train images")
    assert ": owl; " in done.last_line
