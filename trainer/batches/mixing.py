"""Mixup and cutmix: mix each training image, and its label, with another one of the same batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Beta

from trainer.experiment.data import Mixing


@dataclass(frozen=True)
class Mixed:
    """A mixed batch: each image belongs by `share` to its label and by the rest to its other label."""

    images: Tensor
    """(B, C, H, W)"""
    labels: Tensor
    """(B,) int64: the label with the larger share."""
    other_labels: Tensor
    """(B,) int64"""
    share: float
    """From 0.5 to 1."""


def mix(images: Tensor, labels: Tensor, settings: Mixing) -> Mixed:
    """Apply mixup or cutmix to a batch. If both are enabled, choose one of them at random for each batch.

    The random values come from the CPU generator, so that one seed gives the same batches on every device.
    """
    alphas = [alpha for alpha in (settings.mixup_alpha, settings.cutmix_alpha) if alpha > 0]
    if not alphas:
        return Mixed(images, labels, labels, 1.0)
    is_cutmix = settings.cutmix_alpha > 0 and (len(alphas) == 1 or bool(torch.rand(()) < 0.5))
    alpha = settings.cutmix_alpha if is_cutmix else settings.mixup_alpha
    share = float(Beta(alpha, alpha).sample())
    share = max(share, 1 - share)
    order = torch.randperm(len(images)).to(images.device, non_blocking=True)  # else this waits for the GPU
    if is_cutmix:
        images, share = _cut(images, order, share)
    else:
        images = share * images + (1 - share) * images[order]
    return Mixed(images, labels, labels[order], share)


def _cut(images: Tensor, order: Tensor, share: float) -> tuple[Tensor, float]:
    """Paste a rectangle of the other image, about 1 - `share` of the area, and return the exact share as well."""
    height, width = images.shape[-2:]
    side = (1 - share) ** 0.5
    cut_height, cut_width = int(height * side), int(width * side)
    top = int(torch.randint(height - cut_height + 1, ()))
    left = int(torch.randint(width - cut_width + 1, ()))
    box = (..., slice(top, top + cut_height), slice(left, left + cut_width))
    mixed = images.clone()
    mixed[box] = images[order][box]
    return mixed, 1 - cut_height * cut_width / (height * width)
