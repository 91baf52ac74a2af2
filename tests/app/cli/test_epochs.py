"""The lines that a followed run prints."""

from __future__ import annotations

from typing import Any

import pytest

from app.cli.epochs import EpochTable
from app.cli.progress import progress_text, share_of


def test_an_epoch_is_printed_when_the_next_one_begins() -> None:
    table = EpochTable(width=80)
    assert table.add(0, {"train/loss": 0.5}) == []
    assert table.add(0, {"train/loss": 0.5, "val/acc": None}) == []
    assert table.add(1, {"train/loss": 1 / 3}) == [
        "  epoch  train/loss     val/acc",
        "      0         0.5  not finite",
    ]
    assert table.end() == ["      1     0.33333            "]


def test_the_header_comes_again_with_a_new_metric_and_the_width_limits_it() -> None:
    table = EpochTable(width=32)
    table.add(0.5, {"a": 1.0})
    table.add(1.0, {"a": 2.0, "b": 3.0, "too_much": 4.0})
    assert table.end() == [
        "  epoch           a           b",
        "      1           2           3",
    ]


@pytest.mark.parametrize(
    ("state", "progress", "text", "share"),
    [
        ("starting", None, "Starting", None),
        ("running", {"phase": "loading"}, "Loading libraries", None),
        ("running", {"epoch": 3, "max_epochs": 10, "step": 45, "total_steps": 100, "percent": 45.0},
         "4 of 10 epochs done", 0.45),
        ("running", {"epoch": 2.5, "percent": 50}, "Epoch 2.5", 0.5),
        ("running", {"epoch": 3, "max_epochs": 10}, "Epoch 3 of 10", None),
        ("stopping", {"epoch": None, "percent": None}, "Stopping", None),
    ],
)  # fmt: skip
def test_progress_reads_as_on_the_page(
    state: str, progress: dict[str, Any] | None, text: str, share: float | None
) -> None:
    assert progress_text(state, progress) == text
    assert share_of(progress)[0] == share
