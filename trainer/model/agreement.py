"""Compare the outputs of an ONNX file with those of the network it was exported from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.model.session import Outputs, softmax

TOLERANCE = 1e-4
"""Largest allowed difference of a logit, relative to the largest absolute logit (or to 1, if that is larger)."""

HEATMAP_TOLERANCE = 1e-2
"""Largest allowed difference of a heatmap's value, which is from 0 to 1."""

TIE = 0.1
"""Two classes count as tied if their logits differ by less than this fraction of the allowed difference."""

RULE = (
    f"each logit within {TOLERANCE:.0e} times the network's largest absolute logit (at least 1); the same class, unless"
    f" the network's logits of both classes are within a tenth of that; each probability within {TOLERANCE:.0e}"
)


@dataclass(frozen=True)
class Agreement:
    """The largest difference between the logits of the file and the network, and the allowed difference."""

    max_difference: float
    allowed_difference: float

    def metadata(self) -> dict[str, Any]:
        """Return the entries for the model card and the file's metadata."""
        return {**asdict(self), "tolerance": RULE}


def compare(actual: Outputs, expected: NDArray[Any]) -> Agreement:
    """Compare a file's outputs with the network's logits, (B, num_classes). Raises ValueError if they violate RULE."""
    if not np.isfinite(expected).all():
        raise ValueError("the network's own outputs are not finite")
    if actual.logits.shape != expected.shape:
        raise ValueError(f"the shape of the file's outputs is {actual.logits.shape} instead of {expected.shape}")
    allowed = TOLERANCE * max(1.0, float(np.abs(expected).max()))
    difference = float(np.abs(actual.logits - expected).max())
    if not difference <= allowed:  # also true for NaN
        raise ValueError(f"the file's outputs differ from the network's by {difference:.2g} (allowed: {allowed:.2g})")
    lead = expected.max(1) - expected[np.arange(len(expected)), actual.logits.argmax(1)]
    if (lead > TIE * allowed).any():
        raise ValueError("the file predicts another class than the network")
    difference_p = float(np.abs(actual.probabilities - softmax(actual.logits)).max())
    if not difference_p <= TOLERANCE:
        raise ValueError(f"the file's probabilities differ from the softmax of its logits by {difference_p:.2g}")
    return Agreement(difference, allowed)


def compare_heatmaps(actual: Outputs, logits: NDArray[Any], heatmaps: NDArray[Any]) -> float:
    """Compare a file's heatmaps with the network's, (B, h, w), and return the largest difference. Raises ValueError.

    Skips images whose classes tie, because a class activation map of another class is another map.
    """
    if actual.heatmaps is None or actual.heatmaps.shape != heatmaps.shape:
        raise ValueError(f"the file's heatmaps do not have the network's shape {heatmaps.shape}")
    is_same_class = actual.logits.argmax(1) == logits.argmax(1)
    difference = float(np.abs(actual.heatmaps - heatmaps)[is_same_class].max(initial=0))
    if not difference <= HEATMAP_TOLERANCE:
        raise ValueError(
            f"the file's heatmaps differ from the network's by {difference:.2g} (allowed: {HEATMAP_TOLERANCE:.2g})"
        )
    return difference
