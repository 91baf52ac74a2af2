"""What happens around the batches: metrics rows, progress.json, lines for people, the stop.

Their order matters (see trainer.training): a row is logged and shown before a stop may end the fit.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

from lightning import Callback, LightningModule, Trainer

from trainer.ddp.group import AgreedStop
from trainer.fit.checkpoints import KeepCheckpoints
from trainer.fit.module import Classifier
from trainer.progress import ProgressFile
from trainer.stopping import Stop, Stopped


class LogTraining(Callback):
    """Log train/loss_step and lr every n steps, and train/loss, train/acc and lr at the end of each epoch.

    train/loss_step is the mean since the last step row, train/loss the mean of the epoch. One series of both would
    show a spike at the end of each epoch, and call a value of ten steps the best epoch.
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
        if step == self._logged_step or step % self._every_n_steps:
            return  # the second: no row is due; the first: this batch's gradients are still being accumulated
        self._logged_step = step
        module = cast(Classifier, pl_module)
        loss, _, images = module.window_sums.tolist()
        module.window_sums.zero_()
        row = {"epoch": trainer.current_epoch, "train/loss_step": loss / images, "lr": module.learning_rate_of_step}
        for logger in trainer.loggers:
            logger.log_metrics(row, step - 1)  # Lightning counts steps in rows from 0
            logger.save()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        module = cast(Classifier, pl_module)
        loss, right, images = module.epoch_sums.tolist()
        module.epoch_sums.zero_()
        module.log_dict({"train/loss": loss / images, "train/acc": right / images, "lr": module.learning_rate_of_step})


class ReportProgress(Callback):
    """Keep progress.json up to date."""

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
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._progress.count_batch(batch_idx + 1, len(batch.labels), None)


class PrintEpochs(Callback):
    """Print one line per epoch, numbered as in metrics.csv."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._began_s = time.monotonic()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._began_s = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        order = ("train/loss", "train/acc", "val/loss", "val/acc", "lr")
        metrics = "  ".join(f"{name} {float(trainer.callback_metrics[name]):.4g}" for name in order)
        took_s = time.monotonic() - self._began_s
        done = f"{trainer.current_epoch + 1} of {trainer.max_epochs} epochs done"
        self._say(f"epoch {trainer.current_epoch}: {metrics}  ({took_s:.1f} s; {done})")


class LeaveOffOnStop(Callback):
    """End at the batch's end once a stop was asked for, last.ckpt written, so that a resume goes on from there.

    Lightning's own trainer.should_stop would first validate, and its SIGTERM handling ends with exit code 0.
    """

    def __init__(self, stop: Stop | AgreedStop, checkpoints: KeepCheckpoints) -> None:
        self._stop = stop
        self._checkpoints = checkpoints

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._stop.requested and self._checkpoints.step_of_last == trainer.global_step:
            raise Stopped

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        # Within an accumulation the gradients would be lost. After the epoch's last batch the validation is to come,
        # and the state can only be taken up again at its beginning: on_validation_start.
        is_last = batch_idx + 1 == trainer.num_training_batches
        if self._stop.requested and not is_last and (batch_idx + 1) % trainer.accumulate_grad_batches == 0:
            self._checkpoints.save_last(trainer)
            raise Stopped

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._stop.requested:
            self._leave_validation(trainer)

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if self._stop.requested:
            self._leave_validation(trainer)

    def on_test_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if self._stop.requested:
            raise Stopped

    def _leave_validation(self, trainer: Trainer) -> None:
        # To the loop's state that Lightning reads as "within a validation, no batch done": a resume validates anew.
        done = trainer.fit_loop.epoch_loop.val_loop.batch_progress
        done.reset()
        done.increment_ready()
        done.increment_started()
        self._checkpoints.save_last(trainer)
        raise Stopped
