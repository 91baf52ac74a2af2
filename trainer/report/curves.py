"""The curves of a training, read from its metrics.csv."""

from __future__ import annotations

import csv
import math
from pathlib import Path

Curve = dict[int, float]
"""Value by epoch (or step), both counted from 1."""


def read_curves(metrics: Path) -> dict[str, Curve]:
    """Read each metric's value by epoch, and the learning rate `lr` by step.

    Of an epoch's rows the last one counts: it holds the mean of the whole epoch. Values that are not finite are left
    out, and so is the test.
    """
    curves: dict[str, Curve] = {}
    with open(metrics, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for name, text in row.items():
                if name in ("epoch", "step") or name.startswith("test/") or not text:
                    continue
                value = float(text)
                if math.isfinite(value):
                    at = row["step" if name == "lr" else "epoch"]
                    curves.setdefault(name, {})[int(at) + 1] = value
    return curves
