"""Statistics of a split's images: class weights, and the mean and standard deviation of their pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from trainer.batches.images import ImageDataset
from trainer.dataset.invalid import DataInvalid
from trainer.preparation.images import Split

MAX_MEASURED_IMAGES = 2_000
MIN_STD = 1e-4
"""Smallest standard deviation of pixel values from 0 to 1. One grey level of 255 is 0.004."""


def class_weights(split: Split) -> Tensor:
    """(num_classes,): weights inversely proportional to each class's number of images, with mean 1 over all images."""
    counts = torch.bincount(torch.tensor(split.labels), minlength=len(split.class_names))
    return len(split) / (len(counts) * counts.float())


def evenly_spaced(num_images: int, at_most: int) -> list[int]:
    """Choose up to `at_most` image indices, evenly spaced, because images are sorted by class."""
    count = min(num_images, at_most)
    return [position * num_images // count for position in range(count)]


def measure_mean_std(images: ImageDataset, at_most: int = MAX_MEASURED_IMAGES) -> tuple[list[float], list[float]]:
    """Measure mean and standard deviation per channel on `at_most` images. Pixel values count from 0 to 1.

    Raises DataInvalid if all pixels of these images have the same value.
    """
    total = squares = torch.zeros(1, dtype=torch.float64)
    count = 0
    for index in evenly_spaced(len(images), at_most):
        pixels = images.pixels(index).double().flatten(1) / 255  # (C, H*W)
        total = total + pixels.sum(1)
        squares = squares + pixels.square().sum(1)
        count += pixels.shape[1]
    mean = total / count
    std = (squares / count - mean.square()).clamp(min=0).sqrt()
    if std.max() < MIN_STD:
        raise DataInvalid(
            f"the train images are blank: all their pixels have the value {mean.max() * 255:.0f} of 255. Check"
            f" {images.split.paths[0]}. If it has more than 8 bits per channel, set data.value_range to its black and"
            " white values"
        )
    std = std.clamp(min=1e-3)  # avoids a division by zero for a constant channel
    return [round(value, 6) for value in mean.tolist()], [round(value, 6) for value in std.tolist()]
