"""Metrics tables: reading, thinning, merging by epoch, summing up."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from app.runs.exceptions import MetricsUnreadable
from app.runs.metrics import MetricsTable, merge_epochs, non_finite, read_table, summarise, thin


def table(tmp_path: Path, text: str) -> MetricsTable:
    path = tmp_path / "metrics.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return read_table(path)


def test_cells_become_numbers_and_blanks_none(tmp_path: Path) -> None:
    read = table(tmp_path, "epoch,step,loss,note\r\n0,5,1e-3,hello\r\n0,6,,\r\n1,7,nan,inf\r\n")
    assert read.columns == ["epoch", "step", "loss", "note"]
    assert read.rows[:2] == [[0, 5, 0.001, None], [0, 6, None, None]]
    assert math.isnan(read.rows[2][2] or 0)
    assert read.maximum("epoch") == 1
    assert read.maximum("nothing") is None


def test_an_unfinished_last_line_is_left_out(tmp_path: Path) -> None:
    assert table(tmp_path, "epoch,loss\r\n0,1.0\r\n1,0.").rows == [[0, 1.0]]


def test_an_empty_file_is_an_empty_table(tmp_path: Path) -> None:
    assert table(tmp_path, "") == MetricsTable([], [])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xff\xfe\x00\n", "utf-8"),
        (b"a,b\n1,2,3\n", "3 cells under a header of 2"),
        (b"a\x00,b\n1,2\n", "NUL"),
        (b"a,a\n1,2\n", "twice"),
        (b"a,b\n" + b"1" * 200_000 + b"\n", "field larger"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "metrics.csv"
    path.write_bytes(content)
    with pytest.raises(MetricsUnreadable, match=problem) as raised:
        read_table(path)
    assert raised.value.csv_file == str(path)


def test_thinning_keeps_every_columns_peaks_and_the_ends() -> None:
    rows: list[Any] = [[i, 1.0, None if i % 2 else 0.0] for i in range(10_000)]
    rows[4321][1], rows[7000][2], rows[5][1], rows[4330][1] = 99.0, -50.0, math.nan, math.inf
    thinned = thin(rows, 100)
    assert len(thinned) <= 100
    assert rows[4321] in thinned
    assert rows[7000] in thinned
    assert rows[5] in thinned
    assert rows[4330] in thinned
    assert thinned[0] is rows[0]
    assert thinned[-1] is rows[-1]
    assert [row[0] for row in thinned] == sorted(row[0] for row in thinned)


@pytest.mark.parametrize("max_points", [2, 3, 7, 50])
def test_thinning_never_exceeds_what_was_asked(max_points: int) -> None:
    rows: list[Any] = [[float(i * j % 7) for j in range(20)] for i in range(500)]
    assert len(thin(rows, max_points)) <= max_points


def test_what_is_not_finite_is_told_by_column_kind_and_row() -> None:
    rows: list[Any] = [[0, 1.0, None], [1, math.nan, math.inf], [2, math.nan, -math.inf]]
    told = non_finite(["step", "loss", "acc"], rows)
    assert told == {"loss": {"nan": [1, 2]}, "acc": {"inf": [1], "-inf": [2]}}
    assert non_finite(["step"], [[0]]) == {}


def test_few_rows_are_not_thinned() -> None:
    rows: list[Any] = [[1.0], [2.0]]
    assert thin(rows, 2) is rows


def test_an_epoch_is_merged_from_its_rows_and_the_last_value_wins() -> None:
    epochs: dict[int, dict[str, Any]] = {}
    columns = ["epoch", "step", "train/loss", "val/loss"]
    assert merge_epochs(columns, [[0, 1, 0.9, None], [0, 2, 0.8, None], [0, 2, None, 0.5]], epochs) == {0}
    assert epochs == {0: {"train/loss": 0.8, "val/loss": 0.5}}
    assert merge_epochs(columns, [[0, 2, 0.8, None]], epochs) == set(), "nothing changed"
    assert merge_epochs(columns, [[None, 3, 1.0, None], [1, 3, math.nan, None]], epochs) == {1}
    assert epochs[1] == {"train/loss": None}


def test_the_best_of_a_loss_or_error_is_its_minimum_else_the_maximum(tmp_path: Path) -> None:
    rows = ["0,9,0.5,0.8,0.2", "1,19,0.3,0.95,0.1", "2,29,0.4,0.9,0.3", "3,30,nan,inf,", ""]
    summary = summarise(table(tmp_path, "epoch,step,val/loss,val/acc,top1_error\n" + "\n".join(rows)))
    assert summary["best_metrics"] == {"best_val/loss": 0.3, "best_val/acc": 0.95, "best_top1_error": 0.1}
    assert summary["final_metrics"] == {"val/loss": 0.4, "val/acc": 0.9, "top1_error": 0.3}
    assert summary["total_steps"] == 30


def test_the_tests_own_epoch_is_not_counted(tmp_path: Path) -> None:
    """Lightning logs the test after the last epoch under the next epoch's number."""
    summary = summarise(table(tmp_path, "epoch,step,train/loss,test/acc\n0,9,0.5,\n1,19,0.4,\n2,20,,0.9\n"))
    assert summary["total_epochs"] == 2


def test_an_empty_table_sums_up_to_nothing() -> None:
    summary = summarise(MetricsTable([], []))
    assert summary["total_epochs"] == summary["total_steps"] == 0
    assert summary["best_metrics"] == summary["final_metrics"] == {}
