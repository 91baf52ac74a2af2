"""Draw a heatmap in colours, and lay it over its image. Imports no torch."""

from __future__ import annotations

import base64
import io
import itertools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainer.dataset.imagefile import open_image
from trainer.dataset.invalid import DataInvalid
from trainer.dataset.valuerange import ValueRange

COLOURS = np.array(
    [
        (0, 0, 4),
        (40, 11, 84),
        (101, 21, 110),
        (159, 42, 99),
        (212, 72, 66),
        (245, 125, 21),
        (250, 193, 39),
        (252, 255, 164),
    ]
)
"""Eight colours of matplotlib's inferno, from 0 to 1. Its brightness grows evenly, also for colour-blind people."""

OPACITY = 0.5
MAX_SIDE_PX = 1024
"""The longer side of a saved image. A smaller image keeps its size."""


class OverlayFailed(ValueError):
    """An image with its heatmap could not be saved. The message says why."""


def draw(heatmap: NDArray[np.float32], size: int) -> Image.Image:
    """(h, w) from 0 to 1 -> an RGB image of size x size pixels. It covers the whole image that the model was given."""
    smooth = Image.fromarray(np.clip(heatmap, 0, 1).astype(np.float32)).resize((size, size), Image.Resampling.BICUBIC)
    places = np.clip(np.asarray(smooth), 0, 1) * (len(COLOURS) - 1)
    steps = np.arange(len(COLOURS))
    channels = [np.interp(places, steps, COLOURS[:, channel]) for channel in range(3)]
    return Image.fromarray(np.stack(channels, axis=-1).round().astype(np.uint8))


def as_data_url(heatmap: NDArray[np.float32], size: int) -> str:
    """Return the drawn heatmap as the data URL of a PNG."""
    png = io.BytesIO()
    draw(heatmap, size).save(png, "PNG")
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()


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
