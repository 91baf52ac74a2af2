"""Progress from logs that look like those of well-known programs."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress
from tqdm import tqdm

from app.runs.log.screen import MAX_ROWS, Screen
from app.runs.progress.screenprogress import MAX_ROWS_AFTER_BAR, names_epoch_zero, progress_of

LINE = "━" * 12


def shown(text: str, counts_from_zero: bool = False) -> dict[str, Any]:
    screen = Screen()
    screen.write(text.encode())
    return progress_of(screen.rows, counts_from_zero)


def meter(count: int, total: int = 100, label: str = "", elapsed_s: float = 10) -> str:
    return "\r" + tqdm.format_meter(count, total, elapsed_s, prefix=f"{label}: " if label else "")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            " iteration       20/      50 | lm loss: 1.0E+01 |",
            {"percent": 40, "scope": "bar", "step": 20, "total_steps": 50},
        ),
        (
            "INFO - Iter(train) [ 50/200]  lr: 1.0e-02  eta: 1 day, 0:01:12  loss: 2.3",
            {"percent": 25, "eta_s": 86_472, "scope": "bar", "step": 50, "total_steps": 200},
        ),
        ("eta: 0:05:12  iter: 99  total_loss: 1.2", {"eta_s": 312, "scope": "bar", "step": 99}),
        ("step 99: loss 1.2", {}),
        ("step 0: loss 1.2", {}),
        ("Step 3: copying 1/2 folders", {}),
        (
            "Train: 3 [  10/20 ( 53%)]  Loss: 2.31 (2.40)",
            {"epoch": 3, "percent": 53, "scope": "epoch"},
        ),
        (
            "Epoch: [3]  [ 90/600]  eta: 0:01:20  lr: 0.0001  loss: 2.3 (2.4)",
            {"epoch": 3, "percent": 15, "scope": "epoch", "batch": 90, "num_batches": 600},
        ),
    ],
)
def test_a_line_names_its_step(row: str, expected: dict[str, Any]) -> None:
    assert shown(f"loading\n{row}\n") == expected


def test_an_epoch_says_more_than_a_step() -> None:
    assert shown("Step 5/10\nEpoch 2/4\nStep 7/10\n") == {
        **{"epoch": 2, "max_epochs": 4, "percent": 25, "scope": "training"},
    }


def test_an_epoch_stays_as_the_program_counts_it() -> None:
    assert shown("{'loss': 0.5, 'epoch': 1.957}\n")["epoch"] == 1.957


def test_a_bar_alone_speaks_for_itself() -> None:
    expected = {"percent": 45, "eta_s": 12, "scope": "bar", "batch": 45, "num_batches": 100}
    assert shown(meter(0) + meter(45)) == expected
    assert shown(meter(45) + "\n{'loss': 0.5, 'epoch': 0.5}\n") == expected | {"epoch": 0.5}
    assert shown("{'loss': 0.5, 'epoch': 0.5}\n" + meter(45)) == expected | {"epoch": 0.5}


def test_a_bar_that_names_its_epoch_is_a_part_of_the_training() -> None:
    assert shown("Epoch 1: val_loss=1\n" + meter(40, label="Epoch 2/3", elapsed_s=4)) == {
        **{"percent": 46.7, "eta_s": 16, "scope": "training"},
        **{"epoch": 2, "max_epochs": 3, "batch": 40, "num_batches": 100},
    }
    assert shown(meter(100, label="Epoch 2/3") + "\nEpoch 2: val_loss=1\n")["percent"] == 66.7


def test_a_bar_that_names_its_epoch_alone_is_that_of_the_epoch() -> None:
    bar = {"scope": "epoch", "epoch": 3, "batch": 40, "num_batches": 100}
    assert shown(meter(40, label="Epoch 3")) == bar | {"percent": 40, "eta_s": 15}
    validation = meter(20, label="Epoch 3", elapsed_s=4) + "\n" + meter(5, label="Validation DataLoader 0")
    assert shown(meter(100, label="Epoch 3") + validation)["epoch"] == 3


def test_the_validation_of_an_epoch_comes_after_its_training() -> None:
    lightning = meter(100, label="Epoch 3") + "\n" + meter(5, label="Validation DataLoader 0") + "\x1b[A"
    assert shown(lightning) == {
        **{"percent": 100, "eta_s": 0, "scope": "epoch", "epoch": 3},
        **{"batch": 100, "num_batches": 100},
    }
    trained = meter(100, label="Epoch 2/4 [train]") + "\n" + meter(50, label="Epoch 2/4 [val]")
    assert shown(trained)["percent"] == 50


def test_a_bar_after_that_of_the_last_epoch_takes_nothing_back() -> None:
    """Ultralytics validates its best weights when the training is done."""
    last_epoch = f"\r        3/3         0G      2.364          8         32: 100% {LINE} 8/8 10.2it/s 0.8s\n"
    validation = (
        "Validating weights/best.pt...\n\r               classes   top1_acc   top5_acc: 50% ━━━━━━ 1/2 32.2it/s 0.1s"
    )
    assert shown(last_epoch + validation) == {"percent": 100, "scope": "training", "epoch": 3, "max_epochs": 3}


@pytest.mark.parametrize("label", ["Epochs", "epoch", "", "Training"])
def test_of_nested_bars_of_tqdm_the_upper_one_is_the_trainings(label: str) -> None:
    file = io.StringIO()
    outer = tqdm(total=4, desc=label, file=file, mininterval=0, position=0)
    outer.update(1)
    for _ in range(2):
        inner = tqdm(total=10, desc="train", file=file, mininterval=0, position=1, leave=False)
        for _ in range(3):
            inner.update(2)
    progress = shown(file.getvalue())
    inner.close()
    outer.close()
    assert (progress["percent"], progress["scope"]) == (25, "training")
    assert (progress["batch"], progress["num_batches"]) == (6, 10)
    assert progress.get("max_epochs") == (4 if label.lower().startswith("epoch") else None)


def test_of_nested_bars_of_rich_the_upper_one_is_the_trainings() -> None:
    file = io.StringIO()
    with Progress(console=Console(file=file, force_terminal=True, width=80), auto_refresh=False) as progress:
        outer = progress.add_task("All", total=4, completed=1)
        for number in range(2):
            progress.add_task(f"train {number}", total=10, completed=10 if number == 0 else 6)
            progress.print(f"loss {number}")
        progress.refresh()
        written = file.getvalue()
        progress.update(outer, completed=4)
    assert shown(written) == {"percent": 25, "scope": "training"}


def test_keras_names_the_epoch_above_its_bar() -> None:
    text = f"Epoch 1/4\n\x1b[1m10/10\x1b[0m {LINE} \x1b[1m5s\x1b[0m 40ms/step - loss: 1 - val_loss: 2\nEpoch 2/4\n"
    assert shown(text) == {"percent": 25, "scope": "training", "epoch": 2, "max_epochs": 4}
    running = text + "\r\x1b[1m 5/10\x1b[0m \x1b[32m━━━\x1b[0m\x1b[37m━━━\x1b[0m \x1b[1m2s\x1b[0m 400ms/step - loss: 1"
    assert shown(running) == {
        **{"percent": 37.5, "eta_s": 10, "scope": "training"},
        **{"epoch": 2, "max_epochs": 4, "batch": 5, "num_batches": 10},
    }


def test_lightning_counts_epochs_from_0() -> None:
    rich = f"Epoch 1/3 {LINE} 5/10 0:00:02 • 0:00:02 2.5it/s"
    assert names_epoch_zero([f"Epoch 0/3 {LINE} 5/10 0:00:02 • 0:00:02 2.5it/s"])
    assert not names_epoch_zero([rich, "Epoch 10", "loss 0"])
    progress = shown(rich, counts_from_zero=True)
    assert (progress["percent"], progress["eta_s"], progress["epoch"]) == (37.5, 10, 1)


def test_ultralytics_begins_its_bar_with_the_epoch() -> None:
    text = (
        "      Epoch    GPU_mem       loss  Instances       Size\n"
        "\r\x1b[K        2/4         0G      2.351         16        224: 50% ━━━━━━────── 5/10 1.9it/s 2.0s<2.0s"
    )
    progress = shown(text)
    assert (progress["percent"], progress["epoch"], progress["max_epochs"]) == (37.5, 2, 4)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Train Epoch: 1 [640/2560 (25%)]\tLoss: 1.6", {"epoch": 1, "percent": 25, "scope": "epoch"}),
        (
            "Epoch [3/10], Step [100/400], Loss: 0.5",
            {"epoch": 3, "max_epochs": 10, "batch": 100, "num_batches": 400, "percent": 22.5, "scope": "training"},
        ),
        ("Epoch: [3][ 10/40]\tTime 0.1", {"epoch": 3, "batch": 10, "num_batches": 40, "percent": 25, "scope": "epoch"}),
        (
            "Epoch(train)  [1][10/40]  lr: 1",
            {"epoch": 1, "batch": 10, "num_batches": 40, "percent": 25, "scope": "epoch"},
        ),
        (
            "2026-11-26 10:00:00 INFO:root:Epoch 3 of 10",
            {"epoch": 3, "max_epochs": 10, "percent": 20, "scope": "training"},
        ),
        ("{'loss': 0.5, 'epoch': 1.5}", {"epoch": 1.5}),
        ('{"epoch": 3, "loss": 0.5}', {"epoch": 3}),
        ("epoch=7 loss=0.5", {"epoch": 7}),
        ("Epoch 5: early stopping", {"epoch": 5}),
    ],
)
def test_a_line_that_names_its_epoch(line: str, expected: dict[str, Any]) -> None:
    assert shown(f"begin\n{line}\nand so on\n") == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "loss: 0.5", "Best epoch: 3", "no improvement since epoch 5", "saved best_epoch_3.pt", "Epochs: 10"),
        *("5 epochs", "took 3 s per epoch 12", "epoch 10s", "Max epoch: 10", "Epoch", "weights of epoch-3b.pt"),
        meter(100, label="Downloading") + "\nstarting\n",
        meter(30, label="Downloading") + "\nfailed\n" * (MAX_ROWS_AFTER_BAR + 1),
    ],
)
def test_no_progress_is_made_up(text: str) -> None:
    assert shown(text) == {}


def test_the_last_epoch_is_remembered_for_hundreds_of_rows() -> None:
    assert shown("Epoch 3/10\n" + "step\n" * (MAX_ROWS // 2))["epoch"] == 3


def keras() -> Iterator[str]:
    for epoch in range(1, 4):
        yield f"Epoch {epoch}/3\n"
        for batch in range(1, 10):
            yield f"\r{batch:2}/10 {LINE} 1s 10ms/step - loss: 0.5"
        yield f"\r10/10 {LINE} 1s 10ms/step - loss: 0.5 - val_loss: 0.4\n"
        yield "a callback writes this\n"


def training_and_validation() -> Iterator[str]:
    for epoch in range(1, 4):
        for part in ("train", "val"):
            for batch in range(0, 101, 20):
                yield meter(batch, label=f"Epoch {epoch}/3 [{part}]")
            yield "\n"
        yield f"epoch {epoch}: train_loss=0.5 val_loss=0.4\n"


def lines() -> Iterator[str]:
    for epoch in range(3):
        for step in range(0, 100, 10):
            yield f"Epoch [{epoch}/2], Step [{step}/100], Loss: 0.5\n"


@pytest.mark.parametrize("program", [keras, training_and_validation, lines])
def test_progress_only_grows_up_to_the_end(program: Any) -> None:
    screen, seen, counts_from_zero = Screen(), [0.0], False
    for text in program():
        screen.write(text.encode())
        counts_from_zero = counts_from_zero or names_epoch_zero(screen.rows)
        seen.append(progress_of(screen.rows, counts_from_zero)["percent"])
    assert seen == sorted(seen)
    assert seen[-1] > 95
    assert len(set(seen)) > 10


@pytest.mark.parametrize("seed", range(3))
def test_whatever_a_program_prints_the_progress_is_one(seed: int) -> None:
    """Parts of what programs print are cut, moved and repeated."""
    rng = random.Random(seed)
    usual = [
        *(meter(40), meter(100), meter(7, label="Epoch 2/3"), meter(3, 4, "Epochs"), meter(9, label="Epoch 0")),
        *(f"\rEpoch 1/9 {LINE} 5/10 0:00:02 • 0:00:02 2.5it/s", f"Epoch 1/4\n 5/10 {LINE} 2s 400ms/step - loss: 1"),
        *(
            f"\n\rtrain {LINE}  45% 0:00:12\x1b[A",
            "Epoch [3/10], Step [100/400]\n",
            "Train Epoch: 1 [640/2560 (25%)]\n",
        ),
        *("9" * 30, "/", "%|", "0", ".", "\n", "\r", "\x1b[A", "\x1b[2K", "best ", " ETA: ", "x" * 2000, "\udcff"),
    ]
    text = "".join(rng.choices(usual, k=500))
    screen, seen = Screen(), []
    for _ in range(1500):
        begin = rng.randrange(len(text))
        screen.write(text[begin : begin + rng.randrange(120)].encode(errors="surrogateescape"))
        seen.append(progress_of(screen.rows, counts_from_zero=rng.random() < 0.5))
    json.dumps(seen, allow_nan=False)
    assert all(0 <= progress.get("percent", 0) <= 100 and progress.get("eta_s", 0) >= 0 for progress in seen)
    assert len({progress.get("percent") for progress in seen}) > 20
