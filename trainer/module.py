"""What is trained: the network with its loss, optimizer and learning rate, and the facts in its checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from trainer.augment import augment
from trainer.data import Batch
from trainer.experiment import Experiment, ExperimentInvalid
from trainer.freezing import Freezing
from trainer.network import Network
from trainer.sections import Scheduler

FACTS_KEY = "training"
"""Where a checkpoint keeps the facts that trainer.resume compares, beside what Lightning stores."""


class Classifier(lightning.LightningModule):
    """The network under training. Everything that it stores in a checkpoint is plain data or tensors."""

    mean: Tensor
    std: Tensor
    epoch_sums: Tensor
    window_sums: Tensor

    def __init__(
        self, network: Network, experiment: Experiment, mean: list[float], std: list[float], facts: dict[str, Any]
    ) -> None:
        """`facts` go into each checkpoint and say what it was trained on.

        Raises ExperimentInvalid where the experiment treats a backbone apart and the network has none.
        """
        super().__init__()
        self.network = network
        self.total_steps = 0  # of the whole training, set before fit; the learning rate depends on it
        self.learning_rate_of_step = 0.0
        self._experiment = experiment
        self._facts = facts
        self._random_state: Tensor | None = None
        self._parameters_by_rate = _parts(network, experiment)
        self._freezing = _freezing(network, experiment)
        self.register_buffer("mean", torch.tensor(mean).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(1, -1, 1, 1))
        # Sums of loss, right answers and images. In the checkpoint, so that a training resumed within an epoch
        # reports the mean of the whole epoch.
        self.register_buffer("epoch_sums", torch.zeros(3))
        self.register_buffer("window_sums", torch.zeros(3))

    def normalise(self, images: Tensor) -> Tensor:
        """images: (B, C, H, W) uint8 -> float32, normalised."""
        return (images.float() / 255 - self.mean) / self.std

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        images, labels = batch
        images = self.normalise(images)
        if self.trainer.training:
            images = augment(images, self._experiment.data.augmentation)
        return images, labels

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        if self._freezing is not None:
            self._freezing.apply(self.current_epoch)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        images, labels = batch
        logits = self.network(images)
        loss = cross_entropy(logits, labels)
        right = (logits.detach().argmax(1) == labels).sum()
        sums = torch.stack([loss.detach() * len(labels), right, torch.full_like(right, len(labels))]).float()
        self.epoch_sums += sums
        self.window_sums += sums
        self.learning_rate_of_step = self.trainer.optimizers[0].param_groups[0]["lr"]
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._evaluate("val", batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self._evaluate("test", batch)

    def _evaluate(self, split: str, batch: Batch) -> None:
        images, labels = batch
        logits = self.network(images)
        right = (logits.argmax(1) == labels).float().mean()
        metrics = {f"{split}/loss": cross_entropy(logits, labels), f"{split}/acc": right}
        self.log_dict(metrics, on_step=False, on_epoch=True, batch_size=len(labels))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = self._optimizer()
        scheduler = LambdaLR(optimizer, rate_at_step(self._experiment.scheduler, self.total_steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _optimizer(self) -> Optimizer:
        chosen = self._experiment.optimizer
        groups = [{"params": parameters, "lr": rate} for rate, parameters in self._parameters_by_rate]
        rate, decay = chosen.learning_rate, chosen.weight_decay
        if chosen.name == "sgd":
            return SGD(groups, rate, chosen.momentum, weight_decay=decay, nesterov=True)
        adam = Adam if chosen.name == "adam" else AdamW
        return adam(groups, rate, betas=(chosen.momentum, 0.999), weight_decay=decay)

    def on_train_start(self) -> None:
        """After a checkpoint was loaded: its random state goes on, the optimizer's settings are this experiment's."""
        if self._random_state is not None:
            torch.set_rng_state(self._random_state)
        scheduler = self.lr_schedulers()
        assert isinstance(scheduler, LambdaLR)
        fresh_groups = self._optimizer().param_groups
        scheduler.base_lrs = [group["lr"] for group in fresh_groups]
        share = scheduler.lr_lambdas[0](scheduler.last_epoch)
        for group, fresh in zip(self.trainer.optimizers[0].param_groups, fresh_groups, strict=True):
            settings = {name: value for name, value in fresh.items() if name != "params"}
            group.update(settings, initial_lr=fresh["lr"], lr=fresh["lr"] * share)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        state = {"random_state": torch.get_rng_state(), "learning_rate_of_step": self.learning_rate_of_step}
        checkpoint[FACTS_KEY] = {**self._facts, **self._position(), **state}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._random_state = checkpoint[FACTS_KEY]["random_state"]
        self.learning_rate_of_step = checkpoint[FACTS_KEY]["learning_rate_of_step"]

    def _position(self) -> dict[str, int]:
        """How many epochs, batches of the epoch after them, and steps are done."""
        loop: Any = self.trainer.fit_loop
        epochs = loop.epoch_progress.current.processed
        # At an epoch's end the batch counter still shows that epoch's batches.
        is_epoch_end = epochs == loop.epoch_progress.current.ready
        batches = 0 if is_epoch_end else loop.epoch_loop.batch_progress.current.processed
        return {"epoch": epochs, "batch": batches, "step": self.trainer.global_step}


def _parts(network: Network, experiment: Experiment) -> list[tuple[float, list[nn.Parameter]]]:
    """The weights with their peak learning rates, the head first: its rate is the one that is logged."""
    chosen = experiment.optimizer
    parameters = [each for each in network.parameters() if each.requires_grad]
    if chosen.backbone_learning_rate is None:
        return [(chosen.learning_rate, parameters)]
    backbone = set(_backbone(network, "optimizer.backbone_learning_rate").parameters())
    head = [each for each in parameters if each not in backbone]
    body = [each for each in parameters if each in backbone]
    return [(chosen.learning_rate, head), (chosen.backbone_learning_rate, body)]


def _freezing(network: Network, experiment: Experiment) -> Freezing | None:
    num_epochs = experiment.trainer.freeze_backbone_epochs
    return Freezing(_backbone(network, "trainer.freeze_backbone_epochs"), num_epochs) if num_epochs else None


def _backbone(network: Network, setting: str) -> nn.Module:
    backbone = network.backbone
    if backbone is None:
        raise ExperimentInvalid({setting: ["needs a model with a part named backbone"]})
    of_backbone = set(backbone.parameters())
    if not any(each.requires_grad and each not in of_backbone for each in network.parameters()):
        raise ExperimentInvalid({setting: ["needs a model with weights beside its backbone, a head"]})
    return backbone


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
