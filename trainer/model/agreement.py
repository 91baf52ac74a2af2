"""Whether an ONNX file computes what the network does: the rule, and what was seen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.model.session import Outputs, softmax

TOLERANCE = 1e-4
"""Largest allowed difference of a logit, as a share of the largest absolute logit, which counts as at least 1."""

TIE = 0.1
"""Two classes are as good as equal if their logits differ by less than this share of the allowed difference."""

RULE = (
    f"each logit within {TOLERANCE:.0e} times the network's largest absolute logit (at least 1), the same class unless"
    f" the network's logits of the two are within a tenth of that, each probability within {TOLERANCE:.0e}"
)


@dataclass(frozen=True)
class Agreement:
    """How far the logits of a file are from the network's, and how far they may be."""

    max_difference: float
    allowed_difference: float

    def facts(self) -> dict[str, Any]:
        """For the model card and the file's metadata."""
        return {**asdict(self), "tolerance": RULE}


def compare(found: Outputs, wanted: NDArray[Any]) -> Agreement:
    """Compare a file's outputs with the network's logits `wanted` (B, num_classes). Raises ValueError against RULE."""
    if not np.isfinite(wanted).all():
        raise ValueError("the network's own outputs are not finite")
    if found.logits.shape != wanted.shape:
        raise ValueError(f"the file's outputs have the shape {found.logits.shape} instead of {wanted.shape}")
    allowed = TOLERANCE * max(1.0, float(np.abs(wanted).max()))
    difference = float(np.abs(found.logits - wanted).max())
    if not difference <= allowed:  # also true of not-a-number
        raise ValueError(f"the file's outputs differ from the network's by {difference:.2g}; {allowed:.2g} is allowed")
    lead = wanted.max(1) - wanted[np.arange(len(wanted)), found.logits.argmax(1)]
    if (lead > TIE * allowed).any():
        raise ValueError("the file chooses another class than the network")
    softened = float(np.abs(found.probabilities - softmax(found.logits)).max())
    if not softened <= TOLERANCE:
        raise ValueError(f"the file's probabilities differ from the softmax of its logits by {softened:.2g}")
    return Agreement(difference, allowed)
