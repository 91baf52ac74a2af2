"""End a training that no longer improves."""

from __future__ import annotations

from collections.abc import Iterable

from lightning import Callback, LightningModule, Trainer

from trainer.experiment.direction import direction, is_better
from trainer.experiment.sections import EarlyStopping


class StopWithoutImprovement(Callback):
    """End the fit once the monitored metric has not improved for `patience` epochs.

    `history` holds the metric's values in the epochs of the run that is resumed, which count by the present settings.
    Lightning's own EarlyStopping brings back the patience and the best value that it had before, whatever the settings
    are now.
    """

    def __init__(self, settings: EarlyStopping, history: Iterable[float]) -> None:
        self._settings = settings
        self._best: float | None = None
        self._num_without = 0
        for value in history:
            self._count(value)

    @property
    def is_over(self) -> bool:
        return self._settings.patience is not None and self._num_without >= self._settings.patience

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = self.is_over

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Only now are all metrics of the epoch known. They are the same in all processes.
        self._count(float(trainer.callback_metrics[self._settings.monitor]))
        trainer.should_stop = self.is_over

    def _count(self, value: float) -> None:
        way = direction(self._settings.monitor)
        assert way is not None
        needed = self._settings.min_delta if way == "lower" else -self._settings.min_delta
        if self._best is None or is_better(value + needed, self._best, way):
            self._best, self._num_without = value, 0
        else:
            self._num_without += 1
