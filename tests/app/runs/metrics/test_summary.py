"""Totals, best and final values of a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.runs.metrics.inspection import inspect
from app.runs.metrics.summary import describe
from tests.app.runs.tables import table
from trainer.experiment.outputs import MetricsOutput
from trainer.runfile import RunFile


def test_the_best_loss_or_error_is_the_minimum_and_the_best_accuracy_the_maximum(tmp_path: Path) -> None:
    rows = ["0,9,0.5,0.8,0.2", "1,19,0.3,0.95,0.1", "2,29,0.4,0.9,0.3", "3,30,nan,inf,", ""]
    summary = describe(table(tmp_path, "epoch,step,val/loss,val/acc,top1_error\n" + "\n".join(rows)))
    assert summary["best_metrics"] == {"best_val/loss": 0.3, "best_val/acc": 0.95, "best_top1_error": 0.1}
    assert summary["final_metrics"] == {"val/loss": 0.4, "val/acc": 0.9, "top1_error": 0.3}
    assert (summary["total_steps"], summary["total_epochs"]) == (30, 4)


def test_only_a_metric_with_a_known_direction_has_a_best_value(tmp_path: Path) -> None:
    rows = ["0,9,0.5,40,3.5,9.0,0.1", "1,19,0.75,30,4.5,8.0,0.01", "2,29,0.25,35,2.5,7.0,0.001", ""]
    summary = describe(table(tmp_path, "epoch,step,val/iou,wer,grad_norm,time,lr\n" + "\n".join(rows)))
    assert summary["best_metrics"] == {"best_val/iou": 0.75, "best_wer": 30.0}
    assert summary["directions"] == {"val/iou": "higher", "wer": "lower"}
    assert summary["final_metrics"]["lr"] == 0.001


def test_the_best_of_several_validations_in_an_epoch_counts(tmp_path: Path) -> None:
    rows = "0,9,1,31.0\n0,19,1,37.0\n0,29,1,29.5\n1,39,1,30.0\n"
    assert describe(table(tmp_path, "epoch,step,loss,val/acc\n" + rows))["best_metrics"]["best_val/acc"] == 37.0


def test_a_long_table_is_summarised_completely(tmp_path: Path) -> None:
    rows = "".join(f"{i // 100},{i},{1 + abs(i - 3000)}.0,{i}.5\n" for i in range(7000))
    summary = describe(table(tmp_path, "epoch,step,loss,acc\n" + rows))
    assert summary["best_metrics"] == {"best_loss": 1.0, "best_acc": 6999.5}
    assert summary["final_metrics"] == {"loss": 4000.0, "acc": 6999.5}
    assert summary["total_epochs"] == 70


def test_the_epoch_of_the_final_test_is_not_counted(tmp_path: Path) -> None:
    """Lightning logs the test after the last epoch under the next epoch's number."""
    summary = describe(table(tmp_path, "epoch,step,train/loss,test/acc\n0,9,0.5,\n1,19,0.4,\n2,20,,0.9\n"))
    assert summary["total_epochs"] == 2


@pytest.mark.parametrize(
    ("epochs", "total"),
    [("0 0 1 2", 3), ("1 1 2 3", 3), ("0.5 1.0 1.5 2.0", 2), ("0.01 0.5 1.2", 2), ("0 0.5 1.0", 1), ("nan 1 ", 1)],
)
def test_epochs_are_counted_as_the_program_numbers_them(tmp_path: Path, epochs: str, total: int) -> None:
    rows = "".join(f"{epoch},{step},1.5\n" for step, epoch in enumerate(epochs.split(" ")))
    assert describe(table(tmp_path, "epoch,step,loss\n" + rows))["total_epochs"] == total


def test_the_summary_of_an_empty_table_is_empty(tmp_path: Path) -> None:
    summary = describe(table(tmp_path, ""))
    assert summary["total_epochs"] == summary["total_steps"] == 0
    assert summary["best_metrics"] == summary["final_metrics"] == {}


def test_the_experiment_names_columns_and_directions(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("Epoch,  metrics/accuracy_top1, speed, val/score\n1, 0.5, 9, 2\n2, 0.75, 7, 1\n")
    declared = MetricsOutput(columns={"metrics/accuracy_top1": "val/acc"}, better={"val/score": "lower"})
    summary = describe(inspect(RunFile.alone(path), declared=declared))
    assert summary["available_columns"] == ["epoch", "val/acc", "speed", "val/score"]
    assert summary["best_metrics"] == {"best_val/acc": 0.75, "best_val/score": 1.0}
    assert summary["directions"] == {"val/acc": "higher", "val/score": "lower"}
    assert summary["total_epochs"] == 2


def test_a_declared_name_goes_before_the_same_name_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("step,iteration,loss\n1,10,2\n")
    declared = MetricsOutput(columns={"iteration": "step"})
    assert describe(inspect(RunFile.alone(path), declared=declared))["available_columns"] == ["step.1", "step", "loss"]
