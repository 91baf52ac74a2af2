from __future__ import annotations

import pytest

from trainer.experiment.direction import direction, directions, is_better


@pytest.mark.parametrize(
    "metric",
    [
        *("train/loss", "val_loss", "trainLoss", "val/box_loss", "eval_loss"),
        *("val/rmse", "val/perplexity", "val/mae", "val/wer", "MAPE", "mean_squared_error", "val/cross_entropy"),
        *("binary_crossentropy", "top1_error", "dice_loss", "test/ECE", "fid"),
    ],
)
def test_a_metric_that_improves_by_falling(metric: str) -> None:
    assert direction(metric) == "lower"


@pytest.mark.parametrize(
    "metric",
    [
        *("val/acc", "accuracy", "metrics/accuracy_top1", "eval_accuracy", "valAcc", "acc5", "macro_f1", "val/f1"),
        *("metrics/mAP50(B)", "metrics/mAP50-95(B)", "testAUC", "val/iou", "mIoU", "r2", "recall@5", "psnr", "rougeL"),
    ],
)
def test_a_metric_that_improves_by_rising(metric: str) -> None:
    assert direction(metric) == "higher"


@pytest.mark.parametrize(
    "metric",
    [
        *(
            "lr",
            "lr/pg0",
            "learning_rate",
            "time",
            "grad_norm",
            "eval_runtime",
            "epoch",
            "step",
            "loss_scale",
            "train/loss_step",
            "",
        ),
        *("samples_per_second", "glossary", "accelerator", "mapping", "val/score", "lossless", "cerebral"),
    ],
)
def test_an_unknown_metric_has_no_direction(metric: str) -> None:
    assert direction(metric) is None


def test_a_direction_that_the_experiment_declares_wins() -> None:
    assert direction("val/score", {"val/score": "lower"}) == "lower"
    assert direction("val/acc", {"val/acc": "lower"}) == "lower"
    assert directions(["epoch", "val/score", "val/acc"], {"val/score": "lower"}) == {
        "val/score": "lower",
        "val/acc": "higher",
    }


def test_nan_is_never_better() -> None:
    assert is_better(1.0, 2.0, "lower")
    assert is_better(2.0, 1.0, "higher")
    assert not is_better(float("nan"), 1.0, "lower")
    assert not is_better(float("nan"), 1.0, "higher")
