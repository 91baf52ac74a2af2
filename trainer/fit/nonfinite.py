"""Terminate a training whose loss or weights become NaN or infinite, before a checkpoint of them is written."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from trainer.ddp.leader import OtherRankFailed
from trainer.experiment import sections
from trainer.fit.module import Classifier
from trainer.preparation.images import Split

CHECK_EVERY_N_BATCHES_ON_GPU = 20
"""Reading a loss from a GPU waits for everything queued there. On a CPU it is free, so every batch is checked."""


class NotFinite(ArithmeticError):
    """Loss or weights became NaN or infinite. The message says where, and which setting to change."""


@dataclass(frozen=True)
class TrainedBatch:
    """A batch whose loss has not been checked yet. Its tensors stay on the device until then."""

    step: int
    """As in metrics.csv, like `epoch`."""
    epoch: int
    learning_rate: float
    loss: Tensor
    """()"""
    indices: Tensor
    """(B,): the indices of its images in the train split."""


class TerminateOnNaN(Callback):
    """Raises NotFinite for a train or validation loss, or a weight to be saved, that is NaN or infinite.

    It names the first such batch, even if it detects that later. It checks before each checkpoint is written, so the
    checkpoints on disk stay usable.

    In 16-bit precision, the gradient scaler skips steps with an overflow. That is normal and raises nothing, because
    the loss here is the unscaled one, and the weights do not change.
    """

    def __init__(self, split: Split, settings: sections.Trainer, log: Callable[[str], None]) -> None:
        """`split` holds the train images."""
        self._split = split
        self._settings = settings
        self._log = log
        self._step = 0
        self._unchecked: list[TrainedBatch] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._step = trainer.global_step  # the step that this batch contributes to, also during gradient accumulation

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        rate = cast(Classifier, pl_module).last_learning_rate
        trained = TrainedBatch(self._step, trainer.current_epoch, rate, outputs["loss"], batch.indices)
        self._unchecked.append(trained)
        if len(self._unchecked) >= (1 if pl_module.device.type == "cpu" else CHECK_EVERY_N_BATCHES_ON_GPU):
            self._check_losses(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._check_losses(trainer)
        loss = float(trainer.callback_metrics["val/loss"])
        if not math.isfinite(loss):
            raise NotFinite(
                f"val/loss became {_word(loss)} in epoch {trainer.current_epoch} although train/loss is finite:"
                f" {self._advice()}"
            )

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self._check_losses(trainer)
        # The last optimizer step may have broken the weights after its loss was computed.
        weights = [each.isfinite().all() for each in pl_module.parameters()]
        if not torch.stack(weights).all():
            raise NotFinite(f"the weights became NaN or infinite at step {trainer.global_step - 1}: {self._advice()}")

    def _check_losses(self, trainer: Trainer) -> None:
        unchecked, self._unchecked = self._unchecked, []
        losses = torch.stack([each.loss for each in unchecked]).tolist() if unchecked else []
        bad = next((number for number, loss in enumerate(losses) if not math.isfinite(loss)), None)
        # All ranks must end together: one that continued would wait forever for the gradients of the others.
        if not trainer.strategy.reduce_boolean_decision(bad is None, all=True):
            if bad is None:
                raise OtherRankFailed("train/loss became NaN or infinite in another rank")
            raise NotFinite(self._problem(unchecked[bad], losses[bad]))

    def _problem(self, batch: TrainedBatch, loss: float) -> str:
        files = self._files(batch)
        self._log(f"train/loss is {loss} at step {batch.step}, for the images {', '.join(files)}")
        return (
            f"train/loss became {_word(loss)} at step {batch.step} (epoch {batch.epoch}, learning rate"
            f" {batch.learning_rate:.4g}): {self._advice(batch.step)}; first image of the batch: {files[0]}"
        )

    def _files(self, batch: TrainedBatch) -> list[str]:
        paths = [self._split.paths[index] for index in batch.indices.tolist()]
        return [path.relative_to(self._split.path).as_posix() for path in paths]

    def _advice(self, step: int | None = None) -> str:
        if step == 0:
            return "no step was made yet, so check data.mean, data.std and the network"
        advice = ["lower optimizer.learning_rate"]
        if self._settings.gradient_clip_norm is None:
            advice.append("set trainer.gradient_clip_norm")
        if self._settings.precision == "16":
            advice.append("set trainer.precision to bf16 or 32")
        return " or ".join(advice)


def _word(value: float) -> str:
    return "NaN" if math.isnan(value) else "infinite"
