"""The contents of a completed training's run directory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.trainer.trainings import OWN_NETWORK, TINY, Launcher, Trained, read_rows, write_config
from trainer.experiment import experiment
from trainer.rundir import read_json


def test_a_completed_training_leaves_its_files_and_nothing_else(completed: Trained) -> None:
    names = {
        path.relative_to(completed.run.path).as_posix() for path in completed.run.path.rglob("*") if path.is_file()
    }
    (best,) = completed.run.checkpoints.glob("epoch_*.ckpt")
    report = read_json(completed.run.report) or {}
    # The tiny network may make no mistakes.
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


def test_metrics_csv_has_each_epoch_and_the_test(completed: Trained) -> None:
    rows = read_rows(completed.run)
    for name in ("train/loss", "train/acc", "val/loss", "val/acc", "lr"):
        assert {row["epoch"] for row in rows if name in row} == {"0", "1", "2"}, name
    assert [set(row) for row in rows if "test/acc" in row] == [{"epoch", "step", "test/acc", "test/loss"}]
    assert [set(row) for row in rows if "train/loss" in row] == [{"epoch", "step", "train/loss", "train/acc", "lr"}] * 3
    steps = [(row["epoch"], row["step"]) for row in rows if set(row) == {"epoch", "step", "train/loss_step", "lr"}]
    assert steps == [("0", "1"), ("0", "3"), ("1", "5"), ("1", "7"), ("1", "9"), ("2", "11"), ("2", "13")]
    # 15 steps, with a row every 2 steps and at each epoch's end. Lightning counts the steps of rows from 0.
    assert [row["step"] for row in rows if "lr" in row] == ["1", "3", "4", "5", "7", "9", "9", "11", "13", "14"]


def test_progress_and_result_describe_the_end(completed: Trained) -> None:
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


def test_the_report_agrees_with_the_metrics_and_the_images(completed: Trained, squares: Path) -> None:
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


def test_the_log_has_no_lines_from_libraries(completed: Trained) -> None:
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
    assert all(fact in lines[6] for fact in ("40 train", "8 val", "8 test", "2 classes"))


def test_checkpoints_contain_no_code(completed: Trained) -> None:
    for path in completed.run.checkpoints.glob("*.ckpt"):
        assert torch.load(path, weights_only=True)["state_dict"]


def test_config_yaml_is_the_experiment_as_trained(completed: Trained, tiny: Path) -> None:
    assert experiment.load(completed.run.config) == experiment.load(tiny)


def test_a_network_that_cannot_be_exported_is_refused_after_the_first_step(
    launcher: Launcher, squares: Path, tmp_path: Path
) -> None:
    branch = "        images = images * 2 if images.sum() > 0 else images\n"
    (tmp_path / "branching.py").write_text(
        OWN_NETWORK.replace("        return self.head", branch + "        return self.head")
    )
    config = write_config(tmp_path, "model: {class_path: branching.TwoParts}\n" + TINY[TINY.index("data:") :])
    done = launcher.train(config, squares, PYTHONPATH=str(tmp_path))
    assert done.process.returncode == 1
    assert done.last_line.startswith("error: export: ")
    assert "branching.py, line 11" in done.last_line
    assert "epoch 0" not in done.log
    assert (done.progress["phase"], done.progress["step"]) == ("fit", 1)
    assert not list(done.run.checkpoints.iterdir())
