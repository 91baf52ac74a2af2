"""The most confident mistakes. They often reveal wrong labels, or what the train images lack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.dataset.imagefile import open_image
from trainer.dataset.imagefolder import readable
from trainer.dataset.valuerange import ValueRange
from trainer.experiment.data import Data
from trainer.model.overlay import overlay
from trainer.preparation.images import Split
from trainer.report.outputs import Outputs

MAX_MISTAKES = 20
MAX_EXAMPLES = 2
"""Images of each of the most confused pairs of classes."""
MAX_SIDE_PX = 224


def find_mistakes(outputs: Outputs) -> list[int]:
    """Return the indices of the most confident mistakes, in descending order of confidence."""
    mistakes = (outputs.predictions != outputs.labels).nonzero().squeeze(1)
    order = outputs.confidences[mistakes].argsort(descending=True, stable=True)
    found: list[int] = mistakes[order[:MAX_MISTAKES]].tolist()
    return found


def describe(index: int, outputs: Outputs, tested: Split, split: str) -> dict[str, Any]:
    """Describe a mistake for report.json. `file` is SPLIT/CLASS/FILE in the dataset's folder."""
    inside = tested.paths[index].relative_to(tested.path)
    return {
        "file": f"{'train' if tested.origin else split}/{readable(inside.as_posix())}",
        "true": tested.class_names[tested.labels[index]],
        "predicted": tested.class_names[int(outputs.predictions[index])],
        "probability": round(float(outputs.confidences[index]), 6),
    }


def find_examples(outputs: Outputs, label: int, prediction: int) -> list[int]:
    """Return the indices of the most confident images of class `label` that were predicted to be `prediction`."""
    mistakes = ((outputs.labels == label) & (outputs.predictions == prediction)).nonzero().squeeze(1)
    order = outputs.confidences[mistakes].argsort(descending=True, stable=True)
    found: list[int] = mistakes[order[:MAX_EXAMPLES]].tolist()
    return found


def save_thumbnail(source: Path, data: Data, heatmap: NDArray[np.float32] | None, target: Path) -> None:
    """Save a thumbnail of an image as PNG, in the channels that the network receives.

    `heatmap`, (h, w) from 0 to 1, is laid over it.
    """
    image = open_image(source, data.channels, ValueRange.of(data.value_range))
    image.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX))
    (image if heatmap is None else overlay(image, heatmap)).save(target, "PNG")
