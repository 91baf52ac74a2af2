from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Literal

import pytest

from trainer.experiment import sections
from trainer.fit.early_stopping import EarlyStopping

NAN = float("nan")


def num_epochs(values: list[float], history: tuple[float, ...] = (), **settings: Any) -> int:
    """Return the number of epochs that a training with these values runs."""
    trainer: Any = SimpleNamespace(should_stop=False, callback_metrics={})
    callback = EarlyStopping(sections.EarlyStopping(**settings), history)
    callback.on_train_start(trainer, trainer)
    for count, value in enumerate(values):
        if trainer.should_stop:
            return count
        trainer.callback_metrics[settings.get("monitor", "val/loss")] = value
        callback.on_train_epoch_end(trainer, trainer)
    return len(values)


@pytest.mark.parametrize(
    ("monitor", "values", "patience", "min_delta", "expected"),
    [
        ("val/loss", [3, 2, 2, 2, 1], 2, 0.0, 4),
        ("val/loss", [3, 2, 2, 1, 1, 1], 2, 0.0, 6),
        ("val/loss", [3, 2.5, 2.4, 2.3, 2.2], 3, 1.0, 4),
        ("val/acc", [0.1, 0.2, 0.2, 0.2, 0.9], 2, 0.0, 4),
        ("val/acc", [0.1, 0.15, 0.2, 0.3], 2, 0.15, 3),
        ("val/acc", [0.5, NAN, NAN, 0.9], 2, 0.0, 3),
        ("val/loss", [1, 1, 1], None, 0.0, 3),
    ],
)
def test_a_training_stops_after_patience_epochs_without_improvement(
    monitor: Literal["val/loss", "val/acc"], values: list[float], patience: int | None, min_delta: float, expected: int
) -> None:
    assert num_epochs(values, monitor=monitor, patience=patience, min_delta=min_delta) == expected


def test_the_current_parameters_apply_to_the_epochs_of_the_earlier_run() -> None:
    assert num_epochs([2, 2, 2, 2], (3, 1, 2), patience=3) == 2
    assert num_epochs([2, 2, 2, 2], (3, 1, 2), patience=1) == 0  # nothing is left to train
    assert num_epochs([2, 2, 2, 2], (3, 1, 2), patience=9) == 4
