"""What is trained: the network with its loss, optimizer and learning rate, and the facts in its checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from trainer.batches.augment import Augment
from trainer.batches.datamodule import Batch
from trainer.batches.mixing import mix
from trainer.ddp.group import gather, sum_over_ranks
from trainer.experiment.experiment import Experiment
from trainer.experiment.resumable import LastState
from trainer.experiment.sections import Scheduler
from trainer.network.ema import Averaged
from trainer.network.network import Network
from trainer.network.param_groups import freezing_of, learning_rates

FACTS_KEY = "training"
"""The key of our own part of a checkpoint: the LastState (experiment.resumable) and the random states."""


class Classifier(lightning.LightningModule):
    """The network under training. Everything that it stores in a checkpoint is plain data or tensors."""

    mean: Tensor
    std: Tensor
    class_weights: Tensor | None
    epoch_sums: Tensor
    window_sums: Tensor
    evaluation_sums: Tensor

    def __init__(
        self,
        network: Network,
        experiment: Experiment,
        mean: list[float],
        std: list[float],
        begin: LastState,
        class_weights: Tensor | None = None,
    ) -> None:
        """`begin` says what is trained on, and goes into each checkpoint; `class_weights` are of the training loss.

        Raises ExperimentInvalid where the experiment treats a backbone apart and the network has none.
        """
        super().__init__()
        self.network = network
        decay = experiment.trainer.ema_decay
        self.averaged = None if decay is None else Averaged(network, decay)
        self.total_steps = 0  # of the whole training, set before fit; the learning rate depends on it
        self.learning_rate_of_step = 0.0
        self._experiment = experiment
        self._augment = Augment(experiment.data.augmentation, experiment.data.side)
        self._begin = begin
        self._random_states: list[Tensor] = []
        self._parameters_by_rate = learning_rates(network, experiment)
        self._freezing = freezing_of(network, experiment)
        self.register_buffer("mean", torch.tensor(mean).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(1, -1, 1, 1))
        self.register_buffer("class_weights", class_weights, persistent=False)
        # Sums of loss, right answers and images, over all processes. In the checkpoint, so that a training resumed
        # within an epoch reports the mean of the whole epoch.
        self.register_buffer("epoch_sums", torch.zeros(3))
        self.register_buffer("window_sums", torch.zeros(3))
        self.register_buffer("evaluation_sums", torch.zeros(3), persistent=False)

    def normalise(self, images: Tensor) -> Tensor:
        """images: (B, C, H, W) uint8 -> float32, normalised."""
        return self._standardise(images.float() / 255)

    def _standardise(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.std

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        if not self.trainer.training:
            return batch._replace(images=self.normalise(batch.images))
        images = self._standardise(self._augment.change(batch.images.float() / 255))
        return batch._replace(images=self._augment.erase(images))

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        if self._freezing is not None:
            self._freezing.apply(self.current_epoch)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        mixed = mix(batch.images, batch.labels, self._experiment.data.mixing)
        labels = mixed.labels
        logits = self.network(mixed.images)
        loss = self._loss(logits, labels)
        if mixed.share < 1:
            loss = mixed.share * loss + (1 - mixed.share) * self._loss(logits, mixed.other_labels)
        right = (logits.detach().argmax(1) == labels).sum()
        sums = torch.stack([loss.detach() * len(labels), right, torch.full_like(right, len(labels))]).float()
        sums = sum_over_ranks(sums)
        self.epoch_sums += sums
        self.window_sums += sums
        self.learning_rate_of_step = self.trainer.optimizers[0].param_groups[0]["lr"]
        return loss

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        smoothing = self._experiment.loss.label_smoothing
        return cross_entropy(logits, labels, self.class_weights, label_smoothing=smoothing)

    @property
    def tested_network(self) -> Network:
        """The network that is validated, tested and exported."""
        return self.network if self.averaged is None else self.averaged.network

    def optimizer_step(self, *arguments: Any, **options: Any) -> None:
        super().optimizer_step(*arguments, **options)
        if self.averaged is not None:  # here and in no later hook: a stop's checkpoint must hold it
            self.averaged.update(self.network)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._evaluate(batch)

    def test_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the logits, (B, C), for the report (trainer.report.outputs)."""
        return self._evaluate(batch)

    def on_validation_epoch_start(self) -> None:
        self.evaluation_sums.zero_()

    def on_test_epoch_start(self) -> None:
        self.evaluation_sums.zero_()

    def on_validation_epoch_end(self) -> None:
        self._log_evaluation("val")

    def on_test_epoch_end(self) -> None:
        split = self.trainer.datamodule.tested_split  # type: ignore[attr-defined]
        # Of the val images each epoch has logged a row: one more, of the best checkpoint, would only bend the curve.
        self._log_evaluation(split, is_logged=split == "test")

    def _evaluate(self, batch: Batch) -> Tensor:
        logits: Tensor = self.tested_network(batch.images)
        loss = cross_entropy(logits, batch.labels, reduction="sum")
        right = (logits.argmax(1) == batch.labels).sum()
        self.evaluation_sums += torch.stack([loss, right, torch.full_like(right, len(batch.labels))]).float()
        return logits

    def _log_evaluation(self, split: str, is_logged: bool = True) -> None:
        # Lightning 2.6 rounds the mean number of images down where processes have different ones.
        loss, right, images = sum_over_ranks(self.evaluation_sums.clone())
        self.log_dict({f"{split}/loss": loss / images, f"{split}/acc": right / images}, logger=is_logged)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = self._optimizer()
        scheduler = LambdaLR(optimizer, rate_at_step(self._experiment.scheduler, self.total_steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _optimizer(self) -> Optimizer:
        chosen = self._experiment.optimizer
        groups = [{"params": parameters, "lr": rate} for rate, parameters in self._parameters_by_rate]
        rate, decay, fused = chosen.learning_rate, chosen.weight_decay, self._is_fused
        if chosen.name == "sgd":
            return SGD(groups, rate, chosen.momentum, weight_decay=decay, nesterov=True, fused=fused)
        adam = Adam if chosen.name == "adam" else AdamW
        return adam(groups, rate, betas=(chosen.momentum, 0.999), weight_decay=decay, fused=fused)

    @property
    def _is_fused(self) -> bool | None:
        """Whether the optimizer's step is one kernel: on CUDA, but for what Lightning cannot clip or scale then."""
        chosen = self._experiment.trainer
        is_simple = chosen.precision == "32" or (chosen.precision == "bf16" and chosen.gradient_clip_norm is None)
        return True if self.device.type == "cuda" and is_simple else None

    def on_train_start(self) -> None:
        """After a checkpoint was loaded: its random state goes on, the optimizer's settings are this experiment's."""
        self._go_on_drawing()
        scheduler = self.lr_schedulers()
        assert isinstance(scheduler, LambdaLR)
        fresh_groups = self._optimizer().param_groups
        scheduler.base_lrs = [group["lr"] for group in fresh_groups]
        share = scheduler.lr_lambdas[0](scheduler.last_epoch)
        for group, fresh in zip(self.trainer.optimizers[0].param_groups, fresh_groups, strict=True):
            # A fused step needs its state on the GPU, where loading puts it only if the checkpoint's was fused.
            settings = {name: value for name, value in fresh.items() if name not in ("params", "fused")}
            group.update(settings, initial_lr=fresh["lr"], lr=fresh["lr"] * share)

    def _go_on_drawing(self) -> None:
        rank, size = self.trainer.global_rank, self.trainer.world_size
        if len(self._random_states) == size:
            torch.set_rng_state(self._random_states[rank])
        elif rank > 0 or self._random_states:
            # Each process draws other numbers: the images of a batch must not all be changed alike. A checkpoint of
            # another number of processes is none to go on drawing from.
            torch.manual_seed(self._experiment.seed + 1_000_003 * rank + self.trainer.global_step)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        state = {"random_states": gather(torch.get_rng_state()), "learning_rate_of_step": self.learning_rate_of_step}
        checkpoint[FACTS_KEY] = {**self.last_state().dump(), **state}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._random_states = checkpoint[FACTS_KEY]["random_states"]
        self.learning_rate_of_step = checkpoint[FACTS_KEY]["learning_rate_of_step"]

    def last_state(self) -> LastState:
        """What a checkpoint of the present moment holds."""
        loop: Any = self.trainer.fit_loop
        epochs = loop.epoch_progress.current.processed
        # At an epoch's end the batch counter still shows that epoch's batches.
        is_epoch_end = epochs == loop.epoch_progress.current.ready
        batches = 0 if is_epoch_end else loop.epoch_loop.batch_progress.current.processed
        return replace(self._begin, epoch=epochs, batch=batches, step=self.trainer.global_step)


def rate_at_step(scheduler: Scheduler, total_steps: int) -> Callable[[int], float]:
    """Return the learning rate at a step (from 0) as a share of its peak.

    A function and no object: LambdaLR would store an object's attributes in the checkpoint and so, on a resume with
    another max_epochs, bring the old number of steps back.
    """
    warmup_steps = round(scheduler.warmup_fraction * total_steps)

    def rate(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1)
        if scheduler.name == "constant":
            return 1.0
        done = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
        return 1 - done if scheduler.name == "linear" else 0.5 * (1 + math.cos(math.pi * done))

    return rate
