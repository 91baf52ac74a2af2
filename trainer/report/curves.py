"""Read the curves of a training from its metrics.csv."""

from __future__ import annotations

import csv
import math
from pathlib import Path

Curve = dict[int, float]
"""Value by epoch or step, numbered as in metrics.csv."""


def read_curves(metrics: Path) -> dict[str, Curve]:
    """Read each metric by epoch, and the learning rate `lr` by step.

    Skip values that are not finite, means of a few steps (`train/loss_step`) and test metrics.
    """
    curves: dict[str, Curve] = {}
    with open(metrics, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for name, text in row.items():
                if name in ("epoch", "step") or name.startswith("test/") or name.endswith("_step") or not text:
                    continue
                value = float(text)
                if math.isfinite(value):
                    at = row["step" if name == "lr" else "epoch"]
                    curves.setdefault(name, {})[int(at)] = value
    return curves
