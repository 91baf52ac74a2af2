"""Random augmentation of training images with kornia, a whole batch at a time, with different values for each image."""

from __future__ import annotations

from collections.abc import Iterator

from kornia.augmentation import (
    ColorJitter,
    RandomAffine,
    RandomErasing,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomVerticalFlip,
)
from torch import Tensor, nn

from trainer.experiment.data import Augmentation

CROP_RATIOS = (3 / 4, 4 / 3)
ERASED_SHARES = (0.02, 0.33)
ERASED_RATIOS = (0.3, 3.3)
"""torchvision's defaults: the aspect ratio of a crop, and the area and aspect ratio of an erased rectangle."""


class Augment:
    """The augmentations of an experiment. Images are (B, C, side, side) float, with 1 or 3 channels.

    This is not a submodule of the network: it would move to the GPU and draw its random values there. Drawing them from
    torch's CPU generator gives the same values on every device, and lets a resumed training continue the sequence.
    """

    def __init__(self, settings: Augmentation, side: int) -> None:
        self._transforms = [*_geometry(settings, side), *_colours(settings)]
        self._erase = RandomErasing(ERASED_SHARES, ERASED_RATIOS, p=settings.erasing) if settings.erasing else None

    def transform(self, images: Tensor) -> Tensor:
        """Change geometry and colours of images with values from 0 to 1, before normalisation."""
        for each in self._transforms:
            images = each(images)
        return images

    def erase(self, images: Tensor) -> Tensor:
        """Fill rectangles with 0, the mean colour of normalised images."""
        return images if self._erase is None else self._erase(images)


def _geometry(settings: Augmentation, side: int) -> Iterator[nn.Module]:
    if settings.crop:
        yield RandomResizedCrop((side, side), (1 - settings.crop, 1.0), CROP_RATIOS, align_corners=False)
    if settings.rotation_deg or settings.translation or settings.scale:
        scale = (1 - settings.scale, 1 + settings.scale)
        # Fill with the edge colour: black corners would mark training images, and test images have none.
        translation = (settings.translation, settings.translation)
        yield RandomAffine(settings.rotation_deg, translation, scale, padding_mode="border", p=1.0)
    if settings.horizontal_flip:
        yield RandomHorizontalFlip(p=0.5)
    if settings.vertical_flip:
        yield RandomVerticalFlip(p=0.5)


def _colours(settings: Augmentation) -> Iterator[nn.Module]:
    if settings.brightness or settings.contrast or settings.saturation:
        yield ColorJitter(settings.brightness, settings.contrast, settings.saturation)
