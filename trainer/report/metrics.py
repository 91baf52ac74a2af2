"""Compute the numbers of report.json from the network's outputs.

An undefined value is null, such as the precision of a class that is never predicted. Averages over the classes skip it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import torch
from torch import Tensor
from torchmetrics.functional.classification import (
    binary_auroc,
    binary_calibration_error,
    multiclass_confusion_matrix,
    multiclass_f1_score,
    multiclass_precision,
    multiclass_recall,
)

from trainer.report.outputs import Outputs

INTERVAL = 0.95
NUM_BINS = 15
MAX_MATRIX_CLASSES = 100
"""With more classes, the confusion matrix shows those with the most mistakes."""
MAX_CONFUSIONS = 50


class OutputsNotFinite(ValueError):
    """Some outputs of the network are NaN or infinite."""


def measure(outputs: Outputs, class_names: Sequence[str]) -> dict[str, Any]:
    """Compute everything in the report but the mistakes. Raises OutputsNotFinite."""
    assert bool((outputs.labels >= 0).all()), "each image must be tested"
    num_images = len(outputs.labels)
    num_not_finite = int((~outputs.confidences.isfinite()).sum())
    if num_not_finite:
        raise OutputsNotFinite(
            f"the network's outputs are not finite for {num_not_finite:,} of {num_images:,} test images"
        )
    num_right = int((outputs.predictions == outputs.labels).sum())
    low, high = wilson_interval(num_right, num_images)
    classes, means = _per_class(outputs, class_names)
    return {
        "num_images": num_images,
        "num_right": num_right,
        "accuracy": {
            "value": round(num_right / num_images, 6),
            "low": round(low, 6),
            "high": round(high, 6),
            "interval": INTERVAL,
            "method": "Wilson",
        },
        "balanced_accuracy": means["recall"],
        "macro_f1": means["f1"],
        "auroc": {"value": means["auroc"], "num_images": len(outputs.probabilities)},
        "calibration": _calibration(outputs),
        "classes": classes,
        "confusion_matrix": _confusion_matrix(outputs, class_names),
        "confusions": _confusions(outputs, class_names),
    }


def wilson_interval(num_right: int, num_images: int) -> tuple[float, float]:
    """Return the 95% confidence interval of a proportion. Wilson's is valid near 0 and 1 and for few images."""
    z = NormalDist().inv_cdf((1 + INTERVAL) / 2)
    share, shrink = num_right / num_images, 1 + z**2 / num_images
    centre = (share + z**2 / (2 * num_images)) / shrink
    half = z / shrink * math.sqrt(share * (1 - share) / num_images + z**2 / (4 * num_images**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def _per_class(outputs: Outputs, class_names: Sequence[str]) -> tuple[list[dict[str, Any]], dict[str, float | None]]:
    """Return the values of each class, and the mean of each value over the classes for which it is defined."""
    predictions, labels, num_classes = outputs.predictions, outputs.labels, len(class_names)
    support = torch.bincount(labels, minlength=num_classes)
    predicted = torch.bincount(predictions, minlength=num_classes)
    undefined: dict[str, Any] = {"average": "none", "zero_division": math.nan}
    f1 = multiclass_f1_score(predictions, labels, num_classes, average="none")
    values = {
        "precision": multiclass_precision(predictions, labels, num_classes, **undefined),
        "recall": multiclass_recall(predictions, labels, num_classes, **undefined),
        "f1": f1.where(support + predicted > 0, math.nan),  # zero_division=nan does not work here
        "auroc": _auroc(outputs),
    }
    rows = [
        {"name": name}
        | {metric: _number(per_class[index]) for metric, per_class in values.items()}
        | {"support": int(support[index]), "predicted": int(predicted[index])}
        for index, name in enumerate(class_names)
    ]
    return rows, {metric: _number(per_class.nanmean()) for metric, per_class in values.items()}


def _auroc(outputs: Outputs) -> Tensor:
    """(C,): AUROC of each class against the rest; nan if no image, or each, belongs to the class."""
    labels = outputs.labels[:: outputs.stride]
    aurocs = torch.full((outputs.probabilities.shape[1],), math.nan)
    for index, probabilities in enumerate(outputs.probabilities.T):
        is_class = (labels == index).long()
        if 0 < int(is_class.sum()) < len(labels):
            aurocs[index] = binary_auroc(probabilities, is_class, validate_args=False)
    return aurocs


def _calibration(outputs: Outputs) -> dict[str, Any]:
    """Return the expected calibration error and its bins [low, high), the last one closed."""
    confidences, is_correct = outputs.confidences, outputs.predictions == outputs.labels
    edges = torch.linspace(0, 1, NUM_BINS + 1)
    bins = (torch.bucketize(confidences, edges, right=True) - 1).clamp(max=NUM_BINS - 1)
    counts = torch.bincount(bins, minlength=NUM_BINS)
    confidence = torch.bincount(bins, confidences.double(), NUM_BINS) / counts
    accuracy = torch.bincount(bins, is_correct.double(), NUM_BINS) / counts
    return {
        "ece": _number(binary_calibration_error(confidences, is_correct.long(), NUM_BINS, norm="l1")),
        "num_bins": NUM_BINS,
        "bins": [
            {
                "low": _number(edges[index]),
                "high": _number(edges[index + 1]),
                "count": int(counts[index]),
                "confidence": _number(confidence[index]),
                "accuracy": _number(accuracy[index]),
            }
            for index in range(NUM_BINS)
        ],
    }


def _confusion_matrix(outputs: Outputs, class_names: Sequence[str]) -> dict[str, Any]:
    """Count images by true class (row) and predicted class (column), for at most MAX_MATRIX_CLASSES classes."""
    is_wrong = outputs.predictions != outputs.labels
    involved = torch.cat([outputs.labels[is_wrong], outputs.predictions[is_wrong]])
    num_mistakes = torch.bincount(involved, minlength=len(class_names))
    shown = num_mistakes.argsort(descending=True, stable=True)[:MAX_MATRIX_CLASSES].sort().values
    row = torch.full((len(class_names),), -1)
    row[shown] = torch.arange(len(shown))
    labels, predictions = row[outputs.labels], row[outputs.predictions]
    both = (labels >= 0) & (predictions >= 0)
    counts = multiclass_confusion_matrix(predictions[both], labels[both], len(shown))
    return {"class_names": [class_names[index] for index in shown.tolist()], "counts": counts.tolist()}


def _confusions(outputs: Outputs, class_names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the confused pairs of classes, the most frequent first."""
    is_wrong = outputs.predictions != outputs.labels
    pairs = torch.stack([outputs.labels[is_wrong], outputs.predictions[is_wrong]], 1)
    found, counts = torch.unique(pairs, dim=0, return_counts=True)
    order = counts.argsort(descending=True, stable=True)[:MAX_CONFUSIONS]
    return [
        {"true": class_names[label], "predicted": class_names[prediction], "count": count}
        for (label, prediction), count in zip(found[order].tolist(), counts[order].tolist())
    ]


def _number(value: Tensor) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None
