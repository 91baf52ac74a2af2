"""Save two checkpoints: the best epoch, and the last state, from which a training can resume."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from trainer import rundir
from trainer.ddp.group import BroadcastStop
from trainer.experiment import sections
from trainer.experiment.direction import direction, is_better
from trainer.fit.checkpoint_io import copy_checkpoint
from trainer.fit.module import Classifier
from trainer.rundir import RunDir
from trainer.stopping import Stop

Metrics = dict[str, float]


class BestAndLastCheckpoint(Checkpoint):
    """Saves epoch_NNN.ckpt when the monitored metric improves, removing the previous best, and last.ckpt.

    A crash at any moment leaves a usable pair. Lightning 2.6.6's ModelCheckpoint leaves none (tried): with save_last it
    saves last.ckpt only in epochs that improve, it removes the best epoch that last.ckpt still refers to, and on a
    resume in another folder, or with another monitor, it forgets the best score. Subclassing two of them to change that
    takes more code than this class, and needs their private methods.
    """

    def __init__(
        self, run: RunDir, settings: sections.Checkpoint, stop: Stop | BroadcastStop, log: Callable[[str], object]
    ) -> None:
        self.best: Path | None = None
        self.last = run.last_checkpoint
        self.last_saved_step = -1
        self._last_state = run.last_state
        self._monitor = settings.monitor
        self._last_every_n_epochs = settings.last_every_n_epochs
        self._stop = stop
        self._log = log
        self._best_metrics: Metrics = {}
        self._epoch_end: dict[str, Any] | None = None  # epoch and metrics, if a checkpoint is of an epoch's end
        self._earlier_monitor: str | None = None

    @property
    def best_train_metrics(self) -> Metrics:
        return {name: value for name, value in self._best_metrics.items() if name.startswith("train/")}

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._earlier_monitor is None:
            return
        self._compare_last_with_best(trainer)
        if self._earlier_monitor != self._monitor and self.best is not None:
            self._log(
                f"checkpoint.monitor was {self._earlier_monitor}: of the best and the last checkpoint,"
                f" {self.best.name} is better by {self._monitor} ({self._best_metrics[self._monitor]:.4g})"
            )

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._epoch_end = None

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self._epoch_end = {"epoch": trainer.current_epoch, "metrics": metrics}
        is_best = self._improves(metrics)
        previous = self.best
        if is_best:
            self.best, self._best_metrics = self._path(trainer.current_epoch), metrics
            trainer.save_checkpoint(self.best)
        num_epochs = trainer.current_epoch + 1
        is_final = num_epochs == trainer.max_epochs or trainer.should_stop or self._stop.requested
        if is_final or num_epochs % self._last_every_n_epochs == 0:
            self.save_last(trainer, is_best)
        # Not earlier: until now, last.ckpt on disk named the previous best.
        if previous is not None and previous != self.best and trainer.is_global_zero:
            previous.unlink(missing_ok=True)

    def save_last(self, trainer: Trainer, is_best: bool = False) -> None:
        """Save last.json, then last.ckpt. With `is_best`, the best checkpoint on disk has the same content."""
        if trainer.is_global_zero:
            module = cast(Classifier, trainer.lightning_module)
            self.last.parent.mkdir(exist_ok=True)
            rundir.write_json(self._last_state, module.last_state().dump())
        if not is_best or self.best is None:
            trainer.save_checkpoint(self.last)  # a collective call; the leader writes
        elif trainer.is_global_zero:
            _link(self.best, self.last)
        self.last_saved_step = trainer.global_step

    def state_dict(self) -> dict[str, Any]:
        # The name without a folder: a resumed run copies the file into its own run directory.
        best = self.best.name if self.best else None
        best_metrics, epoch_end = self._best_metrics, self._epoch_end
        return {"monitor": self._monitor, "best": best, "best_metrics": best_metrics, "epoch_end": epoch_end}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue with an earlier run's best checkpoint, if its file was copied here."""
        self._earlier_monitor, self._epoch_end = state_dict["monitor"], state_dict["epoch_end"]
        if state_dict["best"] and (best := self.last.with_name(state_dict["best"])).exists():
            self.best, self._best_metrics = best, state_dict["best_metrics"]

    def _compare_last_with_best(self, trainer: Trainer) -> None:
        """Make the earlier run's last checkpoint the best if its epoch is better by the monitor of this run."""
        previous, last = self.best, self._epoch_end
        if last and self._improves(last["metrics"]):
            self.best, self._best_metrics = self._path(last["epoch"]), last["metrics"]
            if self.best != previous and trainer.is_global_zero:
                _link(self.last, self.best)
                if previous is not None:
                    previous.unlink()

    def _improves(self, metrics: Metrics) -> bool:
        """Whether `metrics` beat those of the best epoch. Without a best epoch, any value but NaN does."""
        value, way = metrics[self._monitor], direction(self._monitor)
        assert way is not None
        return not math.isnan(value) if self.best is None else is_better(value, self._best_metrics[self._monitor], way)

    def _path(self, epoch: int) -> Path:
        return self.last.with_name(f"epoch_{epoch:03d}.ckpt")


def _link(source: Path, target: Path) -> None:
    """Replace `target` by a hard link to `source`, or by a copy if the file system has no hard links."""
    temporary = target.with_name(f".{target.name}")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:
        copy_checkpoint(source, target)
    else:
        temporary.replace(target)
