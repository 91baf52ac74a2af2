"""The network's outputs for each tested image, collected batch by batch on the CPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from trainer.batches.images import Batch

MAX_PROBABILITIES = 20_000_000
"""80 MB. Of a larger test, only evenly spaced images keep the probabilities of all classes, which AUROC needs."""


@dataclass
class Outputs:
    """For each of N images: its class, the predicted class, and the confidence of the prediction."""

    labels: Tensor
    """(N,) int64; -1: not tested yet."""
    predictions: Tensor
    """(N,) int64."""
    confidences: Tensor
    """(N,) float32: the probability of the prediction."""
    probabilities: Tensor
    """(M, C) float32: the probabilities of all classes, for every `stride`-th image from the first."""
    stride: int

    @classmethod
    def of(cls, num_images: int, num_classes: int, max_probabilities: int = MAX_PROBABILITIES) -> Outputs:
        """Create empty outputs."""
        stride = -(-num_images * num_classes // max_probabilities)
        labels, predictions = torch.full((2, num_images), -1)
        probabilities = torch.zeros(-(-num_images // stride), num_classes)
        return cls(labels, predictions, torch.zeros(num_images), probabilities, stride)

    def add(self, indices: Tensor, labels: Tensor, logits: Tensor) -> None:
        """indices, labels: (B,) int64; logits: (B, C) of any precision, on any device."""
        probabilities = logits.float().softmax(1)
        predictions = logits.argmax(1)  # as for test/acc, also for ties in bfloat16
        self.labels[indices.cpu()] = labels.cpu()
        self.predictions[indices.cpu()] = predictions.cpu()
        self.confidences[indices.cpu()] = probabilities.gather(1, predictions[:, None]).squeeze(1).cpu()
        is_sampled = indices % self.stride == 0
        self.probabilities[(indices[is_sampled] // self.stride).cpu()] = probabilities[is_sampled].cpu()


class CollectOutputs(Callback):
    """Collects the logits that test_step returns. `outputs` is complete after the test."""

    outputs: Outputs

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        data_module: Any = trainer.datamodule  # type: ignore[attr-defined]
        tested = data_module.splits[data_module.tested_split]
        self.outputs = Outputs.of(len(tested), len(tested.class_names))

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, *_: Any
    ) -> None:
        self.outputs.add(batch.indices, batch.labels, outputs)
