"""Random changes of training images, a whole batch at once on its device, each image with numbers of its own."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from trainer.sections import Augmentation


def augment(images: Tensor, settings: Augmentation) -> Tensor:
    """Turn, move, scale and mirror `images`: (B, C, H, W) float, square. What comes in from outside is edge colour."""
    if settings == Augmentation():
        return images
    matrices = _random_matrices(len(images), settings).to(images.device, images.dtype)
    grid = affine_grid(matrices, list(images.shape), align_corners=False)
    return grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _random_matrices(count: int, settings: Augmentation) -> Tensor:
    # matrices: (count, 2, 3), from output to input coordinates, which go from -1 to 1. Drawn on the CPU, so that one
    # seed gives the same changes on every device.
    def between(limit: float) -> Tensor:
        return (torch.rand(count) * 2 - 1) * limit

    angle = between(math.radians(settings.rotation_deg))
    scale = 1 / (1 + between(settings.scale))
    mirror = 1 - 2 * (torch.rand(count) < 0.5 * settings.horizontal_flip).float()
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    shift_x, shift_y = between(2 * settings.translation), between(2 * settings.translation)
    rows = [torch.stack([cos * mirror, -sin, shift_x], 1), torch.stack([sin * mirror, cos, shift_y], 1)]
    return torch.stack(rows, 1)
