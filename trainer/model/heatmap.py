"""Draw a heatmap in colours, to be laid over its image."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

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
