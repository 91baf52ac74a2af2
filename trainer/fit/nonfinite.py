"""Stop a training whose loss or weights are no numbers any more, before a checkpoint of them could be written."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from trainer.ddp.leader import FailedElsewhere
from trainer.experiment.sections import Trainer as TrainerSection
from trainer.fit.module import Classifier
from trainer.preparation.images import Split

BATCHES_BETWEEN_LOOKS = 20
"""On a GPU. Reading a loss waits until all that was queued there is computed; on a CPU it is there already."""
MAX_NAMED_FILES = 3
"""In the reason; the log names all of them."""


class NotFinite(ArithmeticError):
    """Loss or weights became NaN or infinite; the message says where, and what to change."""


@dataclass(frozen=True)
class Seen:
    """A batch that was trained on, with step and epoch as in metrics.csv. The tensors stay on the device until read."""

    step: int
    epoch: int
    learning_rate: float
    loss: Tensor
    """()"""
    indices: Tensor
    """(B,): which of the train images these were."""


class StopOnNotFinite(Callback):
    """Raise NotFinite once a train or validation loss is NaN or infinite, or a weight that would be saved.

    The first such batch is named, however late it is noticed: the batches since the last look are remembered. Whatever
    writes a checkpoint looks first (`on_save_checkpoint`), so those on disk stay the last good ones.

    With 16-bit floats steps are left out while the gradients overflow. That is normal and not seen here: the loss is
    the unscaled one, and the weights stay as they were.
    """

    def __init__(self, split: Split, chosen: TrainerSection, say: Callable[[str], None]) -> None:
        """`split`: the train images; `say` writes to the log."""
        self._split = split
        self._chosen = chosen
        self._say = say
        self._step = 0
        self._unseen: list[Seen] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._step = trainer.global_step  # the one to which this batch belongs, also while gradients add up

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        rate = cast(Classifier, pl_module).learning_rate_of_step
        self._unseen.append(Seen(self._step, trainer.current_epoch, rate, outputs["loss"], batch.indices))
        between = 1 if pl_module.device.type == "cpu" else BATCHES_BETWEEN_LOOKS
        if len(self._unseen) >= between:
            self._look_at_losses(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._look_at_losses(trainer)
        loss = float(trainer.callback_metrics["val/loss"])
        if not math.isfinite(loss):
            raise NotFinite(
                f"val/loss became {_word(loss)} in epoch {trainer.current_epoch} although train/loss is finite:"
                f" {self._advice()}"
            )

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self._look_at_losses(trainer)
        # A last step may have ruined the weights after its loss was computed.
        weights = [each.isfinite().all() for each in pl_module.parameters()]
        if not torch.stack(weights).all():
            raise NotFinite(f"the weights became NaN or infinite at step {trainer.global_step - 1}: {self._advice()}")

    def _look_at_losses(self, trainer: Trainer) -> None:
        seen, self._unseen = self._unseen, []
        losses = torch.stack([each.loss for each in seen]).tolist() if seen else []
        bad = next((number for number, loss in enumerate(losses) if not math.isfinite(loss)), None)
        # Of several processes none may go on alone: it would wait for the others' gradients for ever.
        if not trainer.strategy.reduce_boolean_decision(bad is None, all=True):
            if bad is None:
                raise FailedElsewhere("train/loss became NaN or infinite in another process of this training")
            raise NotFinite(self._problem(seen[bad], losses[bad]))

    def _problem(self, seen: Seen, loss: float) -> str:
        files = self._files(seen)
        self._say(f"train/loss is {loss} at step {seen.step}, on {', '.join(files)}")
        return (
            f"train/loss became {_word(loss)} at step {seen.step} (epoch {seen.epoch}, learning rate"
            f" {seen.learning_rate:.4g}): {self._advice(seen.step)}; the batch's files: {_some(files)}"
        )

    def _files(self, seen: Seen) -> list[str]:
        paths = [self._split.paths[index] for index in seen.indices.tolist()]
        return [path.relative_to(self._split.path).as_posix() for path in paths]

    def _advice(self, step: int | None = None) -> str:
        if step == 0:
            return "no step was made yet, so look at data.mean, data.std and the network"
        advice = ["lower optimizer.learning_rate"]
        if self._chosen.gradient_clip_norm is None:
            advice.append("set trainer.gradient_clip_norm")
        if self._chosen.precision == "16":
            advice.append("set trainer.precision to bf16 or 32")
        return " or ".join(advice)


def _word(value: float) -> str:
    return "NaN" if math.isnan(value) else "infinite"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED_FILES} more" if len(names) > MAX_NAMED_FILES else ""
    return ", ".join(names[:MAX_NAMED_FILES]) + more
