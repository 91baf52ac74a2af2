"""The callbacks that log metrics, write progress.json, print epochs, and stop.

Their order matters (see trainer.fit.fit): a row is logged and printed before a stop may end the fit.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

from lightning import Callback, LightningModule, Trainer

from trainer.ddp.group import BroadcastStop
from trainer.fit.checkpoints import BestAndLastCheckpoint
from trainer.fit.module import Classifier
from trainer.progress import ProgressFile
from trainer.stopping import Stop, Stopped


class LogTrainMetrics(Callback):
    """Logs train/loss_step and lr every n steps, and train/loss, train/acc and lr at the end of each epoch.

    train/loss_step is the mean since the previous step row, train/loss the mean of the epoch. In a single column, the
    curve would have a spike at each epoch's end, and the mean of a few steps could count as the best epoch.
    """

    def __init__(self, every_n_steps: int) -> None:
        self._every_n_steps = every_n_steps
        self._logged_step = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._logged_step = trainer.global_step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = trainer.global_step
        is_accumulating = step == self._logged_step
        if is_accumulating or step % self._every_n_steps:
            return
        self._logged_step = step
        module = cast(Classifier, pl_module)
        loss, _, images = module.window_sums.tolist()
        module.window_sums.zero_()
        row = {"epoch": trainer.current_epoch, "train/loss_step": loss / images, "lr": module.last_learning_rate}
        for logger in trainer.loggers:
            logger.log_metrics(row, step - 1)  # Lightning counts the steps of rows from 0
            logger.save()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        module = cast(Classifier, pl_module)
        loss, correct, images = module.epoch_sums.tolist()
        module.epoch_sums.zero_()
        module.log_dict({"train/loss": loss / images, "train/acc": correct / images, "lr": module.last_learning_rate})


class WriteProgress(Callback):
    """Keeps progress.json up to date."""

    def __init__(self, progress: ProgressFile) -> None:
        self._progress = progress

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._progress.begin_fit(trainer.current_epoch, trainer.global_step, int(trainer.num_training_batches))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._progress.begin_epoch(trainer.current_epoch)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        num_images = len(batch.labels) * trainer.world_size
        self._progress.count_batch(batch_idx + 1, num_images, trainer.global_step)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._progress.write()

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        self._progress.count_batch(batch_idx + 1, len(batch.labels), None)


class PrintEpochs(Callback):
    """Prints one line per epoch, numbered as in metrics.csv."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._started_s = time.monotonic()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._started_s = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        order = ("train/loss", "train/acc", "val/loss", "val/acc", "lr")
        metrics = "  ".join(f"{name} {float(trainer.callback_metrics[name]):.4g}" for name in order)
        duration_s = time.monotonic() - self._started_s
        done = f"{trainer.current_epoch + 1} of {trainer.max_epochs} epochs done"
        self._log(f"epoch {trainer.current_epoch}: {metrics}  ({duration_s:.1f} s; {done})")


class GracefulStop(Callback):
    """After a stop request, saves last.ckpt at the end of the batch and raises Stopped. A resume continues there.

    Lightning's trainer.should_stop would validate first, and its SIGTERM handling exits with code 0.
    """

    def __init__(self, stop: Stop | BroadcastStop, checkpoints: BestAndLastCheckpoint) -> None:
        self._stop = stop
        self._checkpoints = checkpoints

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._stop.requested and self._checkpoints.last_saved_step == trainer.global_step:
            raise Stopped

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        # Not while gradients accumulate, because they would be lost. Not after the epoch's last batch either: only the
        # start of the validation that follows (on_validation_start) can be resumed.
        is_last = batch_idx + 1 == trainer.num_training_batches
        if self._stop.requested and not is_last and (batch_idx + 1) % trainer.accumulate_grad_batches == 0:
            self._checkpoints.save_last(trainer)
            raise Stopped

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._stop.requested:
            self._abort_validation(trainer)

    def on_validation_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if self._stop.requested:
            self._abort_validation(trainer)

    def on_test_batch_start(self, *_: Any) -> None:
        if self._stop.requested:
            raise Stopped

    def _abort_validation(self, trainer: Trainer) -> None:
        # To Lightning this loop state means "validating, no batch done", so a resume repeats the validation.
        progress = trainer.fit_loop.epoch_loop.val_loop.batch_progress
        progress.reset()
        progress.increment_ready()
        progress.increment_started()
        self._checkpoints.save_last(trainer)
        raise Stopped
