"""The most confident mistakes. They often reveal wrong labels, or what the train images lack."""

from __future__ import annotations

from torch import Tensor

from trainer.report.outputs import Outputs

MAX_MISTAKES = 20
MAX_EXAMPLES = 2
"""Images of each of the most confused pairs of classes."""


def find_mistakes(outputs: Outputs) -> list[int]:
    """Return the indices of the most confident mistakes, the most confident first."""
    return _most_confident(outputs, outputs.predictions != outputs.labels, MAX_MISTAKES)


def find_examples(outputs: Outputs, label: int, prediction: int) -> list[int]:
    """Return the indices of the most confident images of class `label` that were predicted to be `prediction`."""
    return _most_confident(outputs, (outputs.labels == label) & (outputs.predictions == prediction), MAX_EXAMPLES)


def _most_confident(outputs: Outputs, is_chosen: Tensor, number: int) -> list[int]:
    chosen = is_chosen.nonzero().squeeze(1)
    order = outputs.confidences[chosen].argsort(descending=True, stable=True)
    found: list[int] = chosen[order[:number]].tolist()
    return found
