"""Random changes of training images by kornia, a whole batch at once on its device, each image by its own numbers."""

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
"""What is usual, and the defaults of torchvision: width to height of a crop, area and shape of what is erased."""


class Augment:
    """The changes that the settings ask for. Images are (B, C, side, side) float; C is 1 or 3.

    No part of the network, with which it would move to a GPU and draw its numbers there. As it is they come from
    torch's generator of the CPU: one seed gives the same changes on every device, and a resumed training goes on with
    those that an uninterrupted one would have had.
    """

    def __init__(self, settings: Augmentation, side: int) -> None:
        self._changes = [*_geometry(settings, side), *_colours(settings)]
        self._erase = RandomErasing(ERASED_SHARES, ERASED_RATIOS, p=settings.erasing) if settings.erasing else None

    def change(self, images: Tensor) -> Tensor:
        """Change images of values from 0 to 1; before they are normalised."""
        for each in self._changes:
            images = each(images)
        return images

    def erase(self, images: Tensor) -> Tensor:
        """Erase rectangles with 0, which is the mean colour once images are normalised."""
        return images if self._erase is None else self._erase(images)


def _geometry(settings: Augmentation, side: int) -> Iterator[nn.Module]:
    if settings.crop:
        yield RandomResizedCrop((side, side), (1 - settings.crop, 1.0), CROP_RATIOS, align_corners=False)
    if settings.rotation_deg or settings.translation or settings.scale:
        scale = (1 - settings.scale, 1 + settings.scale)
        # What comes in from outside is edge colour: black would be a mark that test images do not have.
        translation = (settings.translation, settings.translation)
        yield RandomAffine(settings.rotation_deg, translation, scale, padding_mode="border", p=1.0)
    if settings.horizontal_flip:
        yield RandomHorizontalFlip(p=0.5)
    if settings.vertical_flip:
        yield RandomVerticalFlip(p=0.5)


def _colours(settings: Augmentation) -> Iterator[nn.Module]:
    if settings.brightness or settings.contrast or settings.saturation:
        yield ColorJitter(settings.brightness, settings.contrast, settings.saturation)
