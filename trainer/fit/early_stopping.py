"""Stop a training whose monitored metric no longer improves."""

from __future__ import annotations

from collections.abc import Iterable

from lightning import Callback, LightningModule, Trainer

from trainer.experiment import sections
from trainer.experiment.direction import direction, is_better


class EarlyStopping(Callback):
    """Stops the fit after `patience` epochs without an improvement of the monitored metric.

    `history` holds the metric's values in the epochs of the earlier run on a resume. The present settings apply to
    them. Lightning's EarlyStopping would restore the earlier patience and best value.
    """

    def __init__(self, settings: sections.EarlyStopping, history: Iterable[float]) -> None:
        self._settings = settings
        self._best: float | None = None
        self._num_without_improvement = 0
        for value in history:
            self._count(value)

    @property
    def is_exhausted(self) -> bool:
        """Whether the patience is used up."""
        return self._settings.patience is not None and self._num_without_improvement >= self._settings.patience

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = self.is_exhausted

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Not earlier: only now all metrics of the epoch are known. They are the same in all ranks.
        self._count(float(trainer.callback_metrics[self._settings.monitor]))
        trainer.should_stop = self.is_exhausted

    def _count(self, value: float) -> None:
        way = direction(self._settings.monitor)
        assert way is not None
        margin = self._settings.min_delta if way == "lower" else -self._settings.min_delta
        if self._best is None or is_better(value + margin, self._best, way):
            self._best, self._num_without_improvement = value, 0
        else:
            self._num_without_improvement += 1
