"""Draw the report's plots from the content of report.json, one figure each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from PIL import Image

from trainer.report.curves import Curve
from trainer.report.markdown import percent
from trainer.report.style import BLUE, FAINT, INK, ORANGE, short

MAX_NUMBERED_CLASSES = 30
"""With more classes, the cells of a confusion matrix are too small for numbers."""
MAX_MARKED_POINTS = 20
SHEET_COLUMNS = 5


def draw_confusion_matrix(matrix: dict[str, Any], num_classes: int) -> Figure:
    """Draw true classes as rows. The colour of a cell is its share of the row."""
    counts, names = np.array(matrix["counts"]), [short(name) for name in matrix["class_names"]]
    shares = counts / np.maximum(1, counts.sum(1, keepdims=True))
    side_in = min(14.0, max(3.2, 0.36 * len(names)))
    name_in = 0.09 * max(map(len, names))
    figure = Figure(figsize=(side_in + name_in + 0.6, side_in + name_in + 0.8), layout="constrained")
    axes = figure.subplots()
    axes.grid(False)
    axes.spines[:].set_visible(False)
    # A square-root scale makes the few mistakes visible beside the many correct predictions.
    axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
    size = 8 if len(names) <= MAX_NUMBERED_CLASSES else 5
    axes.set_xticks(range(len(names)), names, rotation=90 if name_in > side_in / len(names) else 0, fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.tick_params(length=0)
    axes.set(xlabel="predicted", ylabel="true")
    is_complete = len(names) == num_classes
    subset = "" if is_complete else f": the {len(names)} of {num_classes:,} classes with the most mistakes"
    axes.set_title(f"Confusion matrix{subset}")
    if len(names) <= MAX_NUMBERED_CLASSES:
        _write_numbers(axes, counts, shares)
    return figure


def _write_numbers(axes: Axes, counts: Any, shares: Any) -> None:
    for row, column in zip(*counts.nonzero()):
        colour = "white" if shares[row, column] > 0.35 else INK
        text = f"{counts[row, column]:,}"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8 if len(text) < 4 else 6)


def draw_reliability(calibration: dict[str, Any]) -> Figure:
    """Draw accuracy by confidence and, below, the distribution of the confidence."""
    bins = [each for each in calibration["bins"] if each["count"]]
    total = sum(each["count"] for each in bins)
    shares = [each["count"] / total for each in bins]
    figure = Figure(figsize=(4.6, 5.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    upper.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (4, 3)), label="perfect calibration")
    confidences, accuracies = [each["confidence"] for each in bins], [each["accuracy"] for each in bins]
    upper.plot(confidences, accuracies, color=BLUE, linewidth=1, alpha=0.5)
    # The area of a point is its weight in the calibration error.
    upper.scatter(confidences, accuracies, [8 + 150 * share for share in shares], color=BLUE, zorder=3, clip_on=False)
    upper.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    upper.set_title(f"Expected calibration error {percent(calibration['ece'])} ({calibration['num_bins']} bins)")
    upper.legend()
    lefts, widths = [each["low"] for each in bins], [each["high"] - each["low"] for each in bins]
    lower.bar(lefts, shares, widths, align="edge", color=BLUE, edgecolor="white")
    lower.set(xlabel="confidence", ylabel="share of images", ylim=(0, 1))
    for axis in (upper.xaxis, upper.yaxis, lower.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol="%"))
    return figure


def draw_curves(curves: dict[str, Curve]) -> Figure:
    """Draw one panel per metric with train and val by epoch, and one with the learning rate by step."""
    panels = sorted({name.rpartition("/")[2] for name in curves}, key=lambda name: (name == "lr", name != "loss", name))
    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(3.6 * columns, 2.8 * rows), layout="constrained")
    all_axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes, panel in zip(all_axes, panels):
        for name, colour in ((f"train/{panel}", BLUE), (f"val/{panel}", ORANGE), (panel, BLUE)):
            if name in curves:
                _draw_curve(axes, curves[name], name, colour)
        axes.set_title({"lr": "learning rate", "acc": "accuracy"}.get(panel, panel))
        axes.set_xlabel("step" if panel == "lr" else "epoch")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
        if panel == "lr":
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        else:
            axes.legend()
    for axes in all_axes[len(panels) :]:
        axes.set_visible(False)
    return figure


def _draw_curve(axes: Axes, curve: Curve, name: str, colour: str) -> None:
    # Mark the points of short curves: a single epoch has no line.
    marker = "o" if len(curve) <= MAX_MARKED_POINTS else ""
    axes.plot(list(curve), list(curve.values()), marker=marker, markersize=3, color=colour, label=name)


def draw_mistakes(mistakes: Sequence[dict[str, Any]], images: Sequence[Path]) -> Figure:
    """Draw a contact sheet: each image with its prediction above and its true class below."""
    columns = min(SHEET_COLUMNS, len(images))
    rows = math.ceil(len(images) / columns)
    figure = Figure(figsize=(2.1 * columns, 2.7 * rows), layout="constrained")
    all_axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes in all_axes[len(images) :]:
        axes.set_axis_off()
    for axes, mistake, path in zip(all_axes, mistakes, images):
        with Image.open(path) as image:
            axes.imshow(np.asarray(image), cmap="gray", vmin=0, vmax=255)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.set_title(f"{short(mistake['predicted'], 14)} ({percent(mistake['probability'])})", loc="center", pad=4)
        file_name = mistake["file"].rpartition("/")[2]
        axes.set_xlabel(f"true: {short(mistake['true'], 22)}\n{short(file_name, 26)}", fontsize=8)
    return figure
