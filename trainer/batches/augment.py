"""Random augmentation of training images, a whole batch at a time, with different values for each image."""

from __future__ import annotations

import math

import torch
from kornia.augmentation import ColorJitter, RandomErasing
from torch import Tensor
from torch.nn.functional import grid_sample

from trainer.experiment.data import Augmentation

MAX_CROP_RATIO = 4 / 3
ERASED_SHARES = (0.02, 0.33)
ERASED_RATIOS = (0.3, 3.3)
"""torchvision's defaults: the aspect ratio of a crop, and the area and aspect ratio of an erased rectangle."""


class Augment:
    """The augmentations of an experiment. Images are (B, C, side, side) float, with 1 or 3 channels.

    This is not a submodule of the network: it would move to the GPU and draw its random values there. Drawing them from
    torch's CPU generator gives the same values on every device, and lets a resumed training continue the sequence.
    """

    def __init__(self, settings: Augmentation) -> None:
        self._settings = settings
        self._moves = bool(settings.crop or settings.rotation_deg or settings.translation or settings.scale)
        colours = (settings.brightness, settings.contrast, settings.saturation)
        self._jitter = ColorJitter(*colours) if any(colours) else None
        self._erase = RandomErasing(ERASED_SHARES, ERASED_RATIOS, p=settings.erasing) if settings.erasing else None

    def transform(self, images: Tensor) -> Tensor:
        """Change geometry and colours of images with values from 0 to 1, before normalisation."""
        if self._moves:
            images = _sample(images, _random_maps(self._settings, len(images)))
        if self._settings.horizontal_flip:
            images = _flip_half(images, 3)
        if self._settings.vertical_flip:
            images = _flip_half(images, 2)
        return images if self._jitter is None else self._jitter(images)

    def erase(self, images: Tensor) -> Tensor:
        """Fill rectangles with 0, the mean colour of normalised images."""
        return images if self._erase is None else self._erase(images)


def _random_maps(settings: Augmentation, count: int) -> Tensor:
    """Return for each image the affine map from a position in the result to one in the image: (count, 2, 3).

    Positions are (x, y), from -1 to 1. The image is cropped first. The result is rotated, scaled and moved.
    """
    share = 1 - settings.crop * torch.rand(count)
    ratio = _between(-1, 1, count).mul((-share.log()).clamp(max=math.log(MAX_CROP_RATIO))).exp()  # the crop fits
    crop = torch.stack([share * ratio, share / ratio], 1).sqrt()  # (count, 2): width and height, from 0 to 1
    centre = (1 - crop) * _between(-1, 1, count, 2)
    angle = math.radians(settings.rotation_deg) * _between(-1, 1, count)
    scale = 1 + settings.scale * _between(-1, 1, count)
    shift = 2 * settings.translation * _between(-1, 1, count, 2)
    cos, sin = angle.cos() / scale, angle.sin() / scale
    linear = crop.unsqueeze(2) * torch.stack([cos, -sin, sin, cos], 1).reshape(count, 2, 2)
    return torch.cat([linear, centre.unsqueeze(2) - linear @ shift.unsqueeze(2)], 2)


def _sample(images: Tensor, maps: Tensor) -> Tensor:
    """Read each image at the positions that its map returns.

    Positions outside an image get the colour of its edge: black corners would mark training images, and test images
    have none. One kernel reads all images. One per image would keep a GPU waiting for the CPU.
    """
    side = images.shape[-1]
    maps = maps.to(images.device, non_blocking=True).reshape(-1, 1, 1, 2, 3)
    axis = (2 * torch.arange(side, device=images.device) + 1) / side - 1  # the centres of the pixels
    # Not with affine_grid: it multiplies matrices, and TF32 would move each pixel by up to a tenth of a pixel.
    positions = maps[..., 0] * axis.reshape(-1, 1) + maps[..., 1] * axis.reshape(-1, 1, 1) + maps[..., 2]
    return grid_sample(images, positions, padding_mode="border", align_corners=False)


def _flip_half(images: Tensor, axis: int) -> Tensor:
    """Flip each image with probability 1/2."""
    is_flipped = (torch.rand(len(images), 1, 1, 1) < 0.5).to(images.device, non_blocking=True)
    return torch.where(is_flipped, images.flip(axis), images)


def _between(low: float, high: float, *shape: int) -> Tensor:
    return torch.empty(shape).uniform_(low, high)
