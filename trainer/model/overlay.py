"""Lay heatmaps over images. Imports no torch."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainer.dataset.imagefile import open_image
from trainer.dataset.invalid import DataInvalid
from trainer.dataset.valuerange import ValueRange
from trainer.model.heatmap import draw

OPACITY = 0.5
MAX_SIDE_PX = 1024
"""The longer side of a saved image. A smaller image keeps its size."""


class OverlayFailed(ValueError):
    """An image with its heatmap could not be saved. The message says why."""


def overlay(image: Image.Image, heatmap: NDArray[np.float32]) -> Image.Image:
    """Return `image` in RGB with `heatmap`, (h, w) from 0 to 1, over the whole of it."""
    colours = draw(heatmap, max(image.size)).resize(image.size)
    return Image.blend(image.convert("RGB"), colours, OPACITY)


class Overlays:
    """A folder of images with their heatmaps laid over, each named after its image."""

    def __init__(self, folder: Path, channels: int, value_range: ValueRange | None) -> None:
        """Make the folder. Images are shown as the model takes them. Raises OverlayFailed."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OverlayFailed(f"the folder cannot be made: {folder}: {error.strerror}") from error
        self._folder = folder
        self._channels, self._value_range = channels, value_range
        self._names: set[str] = set()

    def save(self, path: Path, heatmap: NDArray[np.float32]) -> Path:
        """Return the path of the PNG. A second image of the same name gets a number. Raises OverlayFailed."""
        target = self._folder / self._name(path.stem)
        try:
            image = open_image(path, self._channels, self._value_range)
            image.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX))
            overlay(image, heatmap).save(target, "PNG")
        except (DataInvalid, OSError) as error:
            raise OverlayFailed(f"{target} cannot be saved: {error}") from error
        return target

    def _name(self, stem: str) -> str:
        names = itertools.chain([f"{stem}.png"], (f"{stem}_{number}.png" for number in itertools.count(2)))
        name = next(each for each in names if each not in self._names)
        self._names.add(name)
        return name
