"""The Lightning module: the network with its loss, metrics and optimizer, and our part of each checkpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR

from trainer.batches.augment import Augment
from trainer.batches.images import Batch
from trainer.batches.mixing import mix
from trainer.ddp.group import gather, sum_over_ranks
from trainer.experiment.experiment import Experiment
from trainer.experiment.resumable import LastState
from trainer.fit.optimizer import build_optimizer, rate_at_step
from trainer.fit.random_state import random_state, restore_random_state
from trainer.network.ema import EmaNetwork
from trainer.network.network import Network
from trainer.network.param_groups import backbone_freezing, param_groups

STATE_KEY = "training"
"""The key of our own state in a checkpoint: a LastState (experiment.resumable) and the random states."""


class Classifier(lightning.LightningModule):
    """The network in training. It adds only plain data and tensors to a checkpoint."""

    mean: Tensor
    std: Tensor
    class_weights: Tensor | None
    epoch_sums: Tensor
    window_sums: Tensor
    eval_sums: Tensor

    def __init__(
        self,
        network: Network,
        experiment: Experiment,
        mean: list[float],
        std: list[float],
        initial_state: LastState,
        class_weights: Tensor | None = None,
    ) -> None:
        """Each checkpoint holds `initial_state` with the present position. `class_weights` apply to the training loss.

        Raises ExperimentInvalid if the experiment has settings for a backbone and the network has no backbone.
        """
        super().__init__()
        self.network = network
        decay = experiment.trainer.ema_decay
        self.ema = None if decay is None else EmaNetwork(network, decay)
        self.total_steps = 0  # of all epochs; set before the fit, because the learning rate depends on it
        self.last_learning_rate = 0.0
        self._experiment = experiment
        self._augment = Augment(experiment.data.augmentation)
        self._initial_state = initial_state
        self._random_states: list[Tensor] = []
        self._param_groups = param_groups(network, experiment)
        self._freezing = backbone_freezing(network, experiment)
        self.register_buffer("mean", torch.tensor(mean).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(1, -1, 1, 1))
        self.register_buffer("class_weights", class_weights, persistent=False)
        # (loss, correct, images), summed over all ranks. A checkpoint holds the train sums, so that a training that
        # resumes within an epoch reports the mean of the whole epoch.
        self.register_buffer("epoch_sums", torch.zeros(3))
        self.register_buffer("window_sums", torch.zeros(3))
        self.register_buffer("eval_sums", torch.zeros(3), persistent=False)

    @property
    def eval_network(self) -> Network:
        """The network to validate, test and export."""
        return self.network if self.ema is None else self.ema.module

    def normalise(self, images: Tensor) -> Tensor:
        """images: (B, C, H, W) uint8 -> float32, normalised."""
        return self._standardise(images.float() / 255)

    def _standardise(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.std

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        if not self.trainer.training:
            return batch._replace(images=self.normalise(batch.images))
        images = self._standardise(self._augment.transform(batch.images.float() / 255))
        return batch._replace(images=self._augment.erase(images))

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        if self._freezing is not None:
            self._freezing.apply(self.current_epoch)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        mixed = mix(batch.images, batch.labels, self._experiment.data.mixing)
        logits = self.network(mixed.images)
        loss = self.loss(logits, mixed.labels)
        if mixed.share < 1:
            loss = mixed.share * loss + (1 - mixed.share) * self.loss(logits, mixed.other_labels)
        sums = sum_over_ranks(_sums(loss.detach() * len(mixed.labels), logits.detach(), mixed.labels))
        self.epoch_sums += sums
        self.window_sums += sums
        self.last_learning_rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        return loss

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the mean training loss, with class weights and label smoothing."""
        smoothing = self._experiment.loss.label_smoothing
        return cross_entropy(logits, labels, self.class_weights, label_smoothing=smoothing)

    def optimizer_step(self, *arguments: Any, **options: Any) -> None:
        super().optimizer_step(*arguments, **options)
        if self.ema is not None:  # not in a later hook, because a checkpoint saved on a stop must contain the update
            self.ema.update_parameters(self.network)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._evaluate(batch)

    def test_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the logits, (B, C), for the report (trainer.report.outputs)."""
        return self._evaluate(batch)

    def on_validation_epoch_start(self) -> None:
        self.eval_sums.zero_()

    on_test_epoch_start = on_validation_epoch_start

    def on_validation_epoch_end(self) -> None:
        self._log_evaluation("val")

    def on_test_epoch_end(self) -> None:
        split = self.trainer.datamodule.tested_split  # type: ignore[attr-defined]
        # Each epoch has logged its val row. One more, for the best checkpoint, would add a wrong point to the curve.
        self._log_evaluation(split, is_logged=split == "test")

    def _evaluate(self, batch: Batch) -> Tensor:
        logits: Tensor = self.eval_network(batch.images)
        self.eval_sums += _sums(cross_entropy(logits, batch.labels, reduction="sum"), logits, batch.labels)
        return logits

    def _log_evaluation(self, split: str, is_logged: bool = True) -> None:
        # Not by Lightning 2.6, which rounds down the mean batch size if the ranks have different numbers of images.
        loss, correct, images = sum_over_ranks(self.eval_sums.clone())
        self.log_dict({f"{split}/loss": loss / images, f"{split}/acc": correct / images}, logger=is_logged)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = build_optimizer(self._experiment, self._param_groups, self.device)
        scheduler = LambdaLR(optimizer, rate_at_step(self._experiment.scheduler, self.total_steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_train_start(self) -> None:
        """After a checkpoint was loaded, restore its random state and apply this experiment's optimizer settings."""
        self._restore_random_state()
        scheduler = self.lr_schedulers()
        assert isinstance(scheduler, LambdaLR)
        new_groups = build_optimizer(self._experiment, self._param_groups, self.device).param_groups
        scheduler.base_lrs = [group["lr"] for group in new_groups]
        fraction = scheduler.lr_lambdas[0](scheduler.last_epoch)
        for group, new in zip(self.trainer.optimizers[0].param_groups, new_groups, strict=True):
            # Keep `fused`: a fused step needs its state on the GPU, and only a fused checkpoint is loaded there.
            settings = {name: value for name, value in new.items() if name not in ("params", "fused")}
            group.update(settings, initial_lr=new["lr"], lr=new["lr"] * fraction)

    def _restore_random_state(self) -> None:
        rank, world_size = self.trainer.global_rank, self.trainer.world_size
        if len(self._random_states) == world_size:
            restore_random_state(self._random_states[rank], self.device)
        elif rank > 0 or self._random_states:
            # Each rank needs its own seed, to augment its images differently. The states of a checkpoint with another
            # world size cannot be continued.
            torch.manual_seed(self._experiment.seed + 1_000_003 * rank + self.trainer.global_step)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        own = {"random_states": gather(random_state(self.device)), "last_learning_rate": self.last_learning_rate}
        checkpoint[STATE_KEY] = {**self.last_state().dump(), **own}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._random_states = checkpoint[STATE_KEY]["random_states"]
        self.last_learning_rate = checkpoint[STATE_KEY]["last_learning_rate"]

    def last_state(self) -> LastState:
        """Return the state that a checkpoint saved now holds."""
        loop: Any = self.trainer.fit_loop
        epochs = loop.epoch_progress.current.processed
        # At an epoch's end the batch counter still counts the batches of that epoch.
        is_epoch_end = epochs == loop.epoch_progress.current.ready
        batches = 0 if is_epoch_end else loop.epoch_loop.batch_progress.current.processed
        return replace(self._initial_state, epoch=epochs, batch=batches, step=self.trainer.global_step)


def _sums(loss_sum: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    """(3,) float32: the sum of the losses, the number of correct predictions and the number of images."""
    correct = (logits.argmax(1) == labels).sum()
    return torch.stack([loss_sum, correct, torch.full_like(correct, len(labels))]).float()
