"""What the network said of each test image, collected batch by batch on the CPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from trainer.batches.datamodule import Batch

MAX_KEPT_PROBABILITIES = 20_000_000
"""80 MB. Where there are more, all classes' probabilities are kept of evenly spread images only; AUROC needs them."""


@dataclass
class Outputs:
    """For each of N test images its class, the class that the network chose, and how sure it was of that."""

    labels: Tensor
    """(N,) int64; -1: not seen yet."""
    predictions: Tensor
    """(N,) int64."""
    confidences: Tensor
    """(N,) float32: the probability of the prediction."""
    probabilities: Tensor
    """(M, C) float32: of every class, for each `stride`-th image, beginning with the first."""
    stride: int

    @classmethod
    def of(cls, num_images: int, num_classes: int, max_kept: int = MAX_KEPT_PROBABILITIES) -> Outputs:
        """Make room for so many images and classes."""
        stride = -(-num_images * num_classes // max_kept)
        chosen = torch.full((num_images,), -1)
        kept = torch.zeros(-(-num_images // stride), num_classes)
        return cls(chosen.clone(), chosen, torch.zeros(num_images), kept, stride)

    def add(self, indices: Tensor, labels: Tensor, logits: Tensor) -> None:
        """indices, labels: (B,) int64; logits: (B, C) of any precision, on any device."""
        probabilities = logits.float().softmax(1)
        predictions = logits.argmax(1)  # as test/acc is counted, also where bfloat16 has equal values
        self.labels[indices.cpu()] = labels.cpu()
        self.predictions[indices.cpu()] = predictions.cpu()
        self.confidences[indices.cpu()] = probabilities.gather(1, predictions[:, None]).squeeze(1).cpu()
        is_kept = indices % self.stride == 0
        self.probabilities[(indices[is_kept] // self.stride).cpu()] = probabilities[is_kept].cpu()


class CollectOutputs(Callback):
    """Collect what test_step returns, the logits of its batch; the `outputs` are whole when the test has ended."""

    outputs: Outputs

    def __init__(self, num_images: int, num_classes: int) -> None:
        self._num_images = num_images
        self._num_classes = num_classes

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.outputs = Outputs.of(self._num_images, self._num_classes)

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self.outputs.add(batch.indices, batch.labels, outputs)
