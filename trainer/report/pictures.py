"""Images of mistakes, as they are and with their heatmaps laid over, saved into the run's report folder."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.dataset.imagefile import open_image
from trainer.dataset.imagefolder import readable
from trainer.dataset.valuerange import ValueRange
from trainer.experiment.data import Data
from trainer.model.heatmap import overlay
from trainer.report.outputs import Outputs
from trainer.request import Request
from trainer.rundir import RunDir

MAX_SIDE_PX = 224

Heatmaps = Mapping[int, NDArray[np.float32]]
"""(h, w) from 0 to 1 by the index of the tested image. Empty if the model has no heatmap."""


class Pictures:
    """The described mistakes. An image that is a mistake twice over is saved once."""

    def __init__(self, request: Request, outputs: Outputs, heatmaps: Heatmaps) -> None:
        self._request = request
        self._outputs = outputs
        self._heatmaps = heatmaps
        self._described: dict[int, dict[str, Any]] = {}

    def describe(self, index: int) -> dict[str, Any]:
        """Return the entry in report.json of the tested image `index`, and save its images.

        `file` is SPLIT/CLASS/FILE in the dataset's folder.
        """
        if index not in self._described:
            split = self._request.tested_split
            tested = self._request.splits[split]
            inside = tested.paths[index].relative_to(tested.path)
            self._described[index] = {
                "file": f"{'train' if tested.origin else split}/{readable(inside.as_posix())}",
                "true": tested.class_names[tested.labels[index]],
                "predicted": tested.class_names[int(self._outputs.predictions[index])],
                "probability": round(float(self._outputs.confidences[index]), 6),
                **self._save(len(self._described) + 1, tested.paths[index], self._heatmaps.get(index)),
            }
        return self._described[index]

    def _save(self, number: int, source: Path, heatmap: NDArray[np.float32] | None) -> dict[str, str | None]:
        run, data = self._request.run, self._request.experiment.data
        folder = run.report_pictures / "mistakes"
        plain, laid_over = folder / f"{number:02d}.png", folder / f"{number:02d}_heatmap.png"
        image = make(run, plain, lambda: _save_thumbnail(source, data, None, plain))
        if image is None or heatmap is None:
            return {"image": image, "heatmap": None}
        shown = make(run, laid_over, lambda: _save_thumbnail(source, data, heatmap, laid_over))
        return {"image": image, "heatmap": shown}


def _save_thumbnail(source: Path, data: Data, heatmap: NDArray[np.float32] | None, target: Path) -> None:
    """Save a thumbnail of an image as PNG, in the channels that the network receives."""
    image = open_image(source, data.channels, ValueRange.of(data.value_range))
    image.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX))
    (image if heatmap is None else overlay(image, heatmap)).save(target, "PNG")


def make(run: RunDir, target: Path, write: Callable[[], None]) -> str | None:
    """Make an image file and return its path within the run. A failure is printed and returns None."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write()
    except Exception:
        traceback.print_exc()
        with suppress(OSError):
            target.unlink()
        return None
    return target.relative_to(run.path).as_posix()
