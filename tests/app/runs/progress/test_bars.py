from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress
from tqdm import tqdm

from app.runs.log.screen import Screen
from app.runs.progress.bars import Bar, parse_bar

LINE = "━" * 12


@pytest.mark.parametrize("ncols", [None, 0, 40, 79])
@pytest.mark.parametrize("prefix", ["", "Epoch 2/3: "])
@pytest.mark.parametrize("ascii", [True, False])
def test_a_bar_of_tqdm(ncols: int | None, prefix: str, ascii: bool) -> None:
    options: dict[str, Any] = {"ascii": ascii, "ncols": ncols, "prefix": prefix, "postfix": "loss=0.5|x"}
    label = prefix.strip(": ")
    assert parse_bar(tqdm.format_meter(45, 100, 10, **options)) == Bar(label, 45, 45, 100, 10, 12)
    assert parse_bar(tqdm.format_meter(0, 100, 0, **options)) == Bar(label, 0, 0, 100, 0, None)
    assert parse_bar(tqdm.format_meter(7, None, 10, prefix=prefix)) is None


def test_a_bar_of_tqdm_with_scaled_numbers_and_hours() -> None:
    bar = parse_bar(tqdm.format_meter(1_200_000, 10_000_000, 7200, unit_scale=True))
    assert bar == Bar("", 12, None, None, 7200, 52800)


@pytest.mark.parametrize("color_system", ["truecolor", None])
def test_a_bar_of_rich(color_system: Any) -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system=color_system, width=80)
    with Progress(console=console, auto_refresh=False, get_time=lambda: 5.0) as progress:
        progress.add_task("Training", total=100, completed=45)
        progress.refresh()
    screen = Screen()
    screen.write(file.getvalue().encode())
    assert [parse_bar(row) for row in screen.rows] == [Bar("Training", 45, None, None, None, None)]


@pytest.mark.parametrize(
    ("row", "bar"),
    [
        (f"Training {LINE}╸    45% 0:01:02", Bar("Training", 45, None, None, None, 62)),
        ("Epoch 2/9 ━━━━╸━━━ 9/20 0:00:01 • 0:00:02 4.5it/s v_num: 0 loss: 0.3", Bar("Epoch 2/9", 45, 9, 20, 1, 2)),
        ("Epoch 2/9 ━━━━╸━━━ 9/20 0:00:01 • -:--:-- 0.00it/s", Bar("Epoch 2/9", 45, 9, 20, 1, None)),
        (f"45/100 {LINE} 2s 40ms/step - loss: 0.3", Bar("", 45, 45, 100, 1.8, 2.2)),
        (f" 45/100 {LINE} 1:50:00 120s/step - loss: 0.3", Bar("", 45, 45, 100, 5400, 6600)),
        (f"100/100 {LINE} 5s 40ms/step - loss: 0.3 - val_loss: 0.4", Bar("", 100, 100, 100, 4, 0)),
        ("45/100 [====>......] - ETA: 12s - loss: 0.3", Bar("", 45, 45, 100, None, 12)),
        ("100/100 [==========] - 5s 40ms/step - loss: 0.3", Bar("", 100, 100, 100, None, None)),
        (
            "1/3  0.5G  2.351  16  224: 45% ━━━━━─────── 9/20 1.9it/s 2.3s<3.1s",
            Bar("1/3  0.5G  2.351  16  224", 45, 9, 20, 2.3, 3.1),
        ),
        (f"1/3  0.5G  2.351  224: 100% {LINE} 20/20 1.9it/s 1:05", Bar("1/3  0.5G  2.351  224", 100, 20, 20, 65, None)),
        ("33%|####6     | 1/3", Bar("", 33, 1, 3, None, None)),
        (f" 45% {LINE} 4,500/10,000  [ 0:00:05 < 0:00:06 , 800 it/s ]", Bar("", 45, 4500, 10_000, 5, 6)),
        (f" 45% {LINE} 4,500/10,000  [ 0:00:05 < -:--:-- , ? it/s ]", Bar("", 45, 4500, 10_000, 5, None)),
        (
            "Epoch 2/3 : |██████----| 60.00% [12/20 00:01<00:02 0.3512]",
            Bar("Epoch 2/3 : |██████----|", 60, 12, 20, 1, 2),
        ),
        ("Progress:  45%|█████      |  ETA: 0:00:12", Bar("Progress", 45, None, None, None, 12)),
        ("Progress: 100%|███████████| Time: 0:00:12", Bar("Progress", 100, None, None, 12, None)),
        ("  |==========            |  45%", Bar("", 45, None, None, None, None)),
    ],
)
def test_a_bar_of_another_library(row: str, bar: Bar) -> None:
    assert parse_bar(row) == bar


@pytest.mark.parametrize(
    "row",
    [
        *("", "loss: 45%", "Accuracy: 800/1000 (80%)", "a|b|c", "====", f"{LINE} 45", "25% done, 3/4 left", "5%|"),
        *(f"{LINE} 590.7/590.7 kB 194.5 MB/s eta 0:00:00", "━" * 300, "9" * 900 + "|" + "1" * 100 + "/" + "1" * 100),
    ],
)
def test_other_rows_have_no_bar(row: str) -> None:
    assert parse_bar(row) is None


def test_a_number_without_end_is_no_number() -> None:
    assert parse_bar("45%|##| " + "9" * 400 + "/" + "9" * 500) == Bar("", 45, None, None, None, None)


def test_a_bar_is_finished_when_all_is_counted() -> None:
    bars = [parse_bar(tqdm.format_meter(count, 1000, 10)) for count in (10, 999, 1000)]
    assert [bar and (bar.percent, bar.is_finished) for bar in bars] == [(1, False), (100, False), (100, True)]
