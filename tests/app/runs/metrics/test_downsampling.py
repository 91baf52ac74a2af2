"""Downsampling for a chart: the peaks stay, and chosen rows stay chosen."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest

from app.runs.metrics.downsampling import choose
from app.runs.metrics.inspection import inspect
from tests.app.runs.tables import line_of, table_of

COLUMNS = ["step", "train/loss", "val/loss"]


def curve(num_rows: int) -> list[list[Any]]:
    """Return rows with a noisy loss at each step and another loss at each 50th step."""
    noise = random.Random(0)
    losses = [math.exp(-step / 3000) + noise.gauss(0, 0.03) for step in range(num_rows)]
    return [[step, loss, loss + 0.1 if step % 50 == 49 else None] for step, loss in enumerate(losses)]


def test_the_ends_and_every_columns_peaks_and_non_finite_values_stay(tmp_path: Path) -> None:
    rows = curve(10_000)
    rows[4321][1], rows[7049][2], rows[5][1], rows[4330][1] = 99.0, -50.0, math.nan, math.inf
    chosen = choose(table_of(tmp_path, COLUMNS, rows), 0, range(3), 100)
    assert len(chosen) <= 100
    assert {0, 5, 4321, 4330, 7049, 9999} <= set(chosen)
    assert chosen == sorted(set(chosen))


@pytest.mark.parametrize("last", [0.5, math.nan])
def test_the_last_value_of_each_column_stays(tmp_path: Path, last: float) -> None:
    rows = curve(10_000)
    for row in rows[9250:]:
        row[2] = None
    rows[9300][2], rows[9310][2], rows[9320][2], rows[9330][2] = -9.0, 9.0, math.nan, last
    assert 9330 in choose(table_of(tmp_path, COLUMNS, rows), 0, range(3), 50)


def test_peaks_in_either_direction_stay_wherever_they_are(tmp_path: Path) -> None:
    rows, spikes = curve(20_000), random.Random(1).sample(range(20_000 // 512), 20)
    for bucket in spikes:
        rows[bucket * 512 + 100][1], rows[bucket * 512 + 101][1] = 50.0 + bucket, -50.0 - bucket
    chosen = set(choose(table_of(tmp_path, COLUMNS[:2], [row[:2] for row in rows]), 0, range(2), 500))
    assert {bucket * 512 + offset for bucket in spikes for offset in (100, 101)} <= chosen


def test_only_the_end_changes_while_the_table_grows(tmp_path: Path) -> None:
    rows, before, num_dropped = curve(2000), set[int](), []
    table = table_of(tmp_path, COLUMNS, rows[:700])
    for num_rows in range(720, 2000, 20):
        with open(table.file.path, "a", newline="") as file:
            file.writelines(line_of(row) for row in rows[table.num_rows : num_rows])
        table = inspect(table.file, table)
        chosen = set(choose(table, 0, range(3), 300))
        num_dropped.append(len({row for row in before - chosen if row < num_rows - 100}))
        before = chosen
    assert sum(number > 0 for number in num_dropped) <= 2, "earlier rows change only when the buckets double"
    assert len(before) > 100


@pytest.mark.parametrize("max_points", [2, 3, 7, 50, 400])
@pytest.mark.parametrize("since_row", [0, 77])
def test_at_most_max_points_rows_are_chosen(tmp_path: Path, max_points: int, since_row: int) -> None:
    rows = [[float(i * j % 7) if i % 3 else math.nan for j in range(20)] for i in range(500)]
    table = table_of(tmp_path, [f"metric {j}" for j in range(20)], rows)
    chosen = choose(table, since_row, range(20), max_points)
    assert len(chosen) <= max_points
    assert (chosen[0], chosen[-1]) == (since_row, 499)


def test_all_of_a_few_rows_stay(tmp_path: Path) -> None:
    table = table_of(tmp_path, ["step", "x"], [[i, 1.0] for i in range(5)])
    assert choose(table, 3, range(2), 2) == [3, 4]
    assert choose(table, 9, range(2), 2) == []


def test_the_ends_of_a_table_without_metrics_stay(tmp_path: Path) -> None:
    assert choose(table_of(tmp_path, ["step"], [[i] for i in range(50)]), 0, [0], 10) == [0, 49]
