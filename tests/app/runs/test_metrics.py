"""What is not finite, and the merging of rows by epoch."""

from __future__ import annotations

import math
from typing import Any

from app.runs.metrics import merge_epochs, non_finite


def test_what_is_not_finite_is_told_by_column_kind_and_row() -> None:
    rows: list[Any] = [[0, 1.0, None], [1, math.nan, math.inf], [2, math.nan, -math.inf]]
    told = non_finite(["step", "loss", "acc"], rows)
    assert told == {"loss": {"nan": [1, 2]}, "acc": {"inf": [1], "-inf": [2]}}
    assert non_finite(["step"], [[0]]) == {}


def test_an_epoch_is_merged_from_its_rows_and_the_last_value_wins() -> None:
    epochs: dict[int, dict[str, Any]] = {}
    columns = ["epoch", "step", "train/loss", "val/loss"]
    assert merge_epochs(columns, [[0, 1, 0.9, None], [0, 2, 0.8, None], [0, 2, None, 0.5]], epochs) == {0}
    assert epochs == {0: {"train/loss": 0.8, "val/loss": 0.5}}
    assert merge_epochs(columns, [[0, 2, 0.8, None]], epochs) == set(), "nothing changed"
    assert merge_epochs(columns, [[None, 3, 1.0, None], [1, 3, math.nan, None]], epochs) == {1}
    assert epochs[1] == {"train/loss": None}
