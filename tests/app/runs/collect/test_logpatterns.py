"""Rows that patterns find in a log."""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress
from tqdm import tqdm

from app.runs.collect.logpatterns import LogPatterns
from app.runs.collect.logrows import MAX_LINE_BYTES, SLICE_BYTES
from app.runs.collect.source import Position, Reading, Row
from trainer.runfile import RunFile

LOSS = r"\bloss[=:] (?P<loss>\S+)"
EPOCH = r"(?i)epoch (?P<epoch>\S+)"
REDRAWN = r"Epoch (?P<epoch>\d+).*loss=(?P<train_loss>[\d.]+)"


class Log:
    """A log that grows, and the rows that were read from it. Each read continues from the stored position."""

    def __init__(self, folder: Path, patterns: Sequence[str]) -> None:
        self._path = folder / "train.log"
        self._path.write_bytes(b"")
        self._patterns = tuple(patterns)
        self._position = "{}"
        self.rows: list[Row] = []

    def write(self, data: bytes, mode: str = "ab") -> None:
        with open(self._path, mode) as file:
            file.write(data)

    def read(self, is_final: bool = False, is_quiet: bool = True) -> Reading:
        """Read once, as a process that was just started would. `is_quiet`: nothing was written lately."""
        source = LogPatterns("log", RunFile.alone(self._path), self._patterns, 0 if is_quiet else 3600)
        position: Position = json.loads(self._position)
        reading = source.read_new(position, is_final)
        self._position = json.dumps(reading.position)
        self.rows += reading.rows
        return reading

    def read_all(self, is_final: bool = False) -> Reading:
        while not (reading := self.read(is_final)).is_whole:
            pass
        return reading


def rows_of(folder: Path, data: bytes, *patterns: str) -> list[Row]:
    log = Log(folder, patterns)
    log.write(data)
    log.read_all(is_final=True)
    return log.rows


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("loss: 0.5\nnothing\nloss: 0.25", [{"loss": 0.5}, {"loss": 0.25}]),
        ("loss: 0.5\r\nloss: 0.5\r\n", [{"loss": 0.5}, {"loss": 0.5}]),
        ("\x1b[1mloss:\x1b[0m \x1b[32m0.5\x1b[0m\n", [{"loss": 0.5}]),
        (
            "epoch 1\nloss: 2\nloss: 1\nepoch 2\nloss: 0\n",
            [*({"epoch": 1, "loss": n} for n in (2, 1)), {"epoch": 2, "loss": 0}],
        ),
        ("epoch 0.5 loss: 1\n", [{"epoch": 0.5, "loss": 1}]),
        ("epoch one\nloss: 1\n", [{"loss": 1}]),
        ("\r 10% loss: 3\r 20% loss: 2\r 30% loss: 1\n", [{"loss": 1}]),
        ("\r 10% loss: 3\r        \rsaved\n\r 20% loss: 2\n", [{"loss": 3}, {"loss": 2}]),
        ("\repoch 1 loss: 3\repoch 1 loss: 2\repoch 2 loss: 1\r", [{"epoch": 1, "loss": 2}, {"epoch": 2, "loss": 1}]),
        ("\rloss: 3 a\rloss: 2 b\racc: 0.5\racc: 0.75\r\n", [{"loss": 2, "acc": 0.75}]),
        ("all\n\rloss: 3\x1b[A\n\rloss: 2\x1b[A\n\rloss: 1\x1b[A\rall\n", [{"loss": 1}]),
        ("loss: 0.5, acc: 0.75\n", [{"loss": 0.5, "acc": 0.75}]),
        ("", []),
        ("\n\n\r\r\n", []),
    ],
)
def test_each_line_that_matches_is_a_row(tmp_path: Path, text: str, rows: list[Row]) -> None:
    assert rows_of(tmp_path, text.encode(), LOSS, EPOCH, r"acc: (?P<acc>\S+)") == rows


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("1", 1), ("-1.5", -1.5), ("1e-3", 0.001), ("2.000", 2), ("85%", 85), ("0.5.", 0.5), ("0.5,", 0.5)),
        *(("12,345", 12345), ("1,234,567.5", 1234567.5), ("0,5", "0,5"), ("1,23", "1,23"), ("'0.5',", 0.5)),
        *(
            ("inf", float("inf")),
            ("(0.5)", "(0.5)"),
            ("tensor(0.5)", "tensor(0.5)"),
            ("nothing", "nothing"),
            ("--", "--"),
        ),
    ],
)
def test_a_value_is_a_number_or_a_text(tmp_path: Path, text: str, value: float | str) -> None:
    assert rows_of(tmp_path, f"loss: {text}\n".encode(), LOSS) == [{"loss": value}]


def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    data = b"\xff\xfe\0 loss: 1\n\x1b loss: 2\n" + "größe loss: 3 \u2028\n".encode("utf-8") + b"\xc3\nloss: \xff4\n"
    assert rows_of(tmp_path, data, LOSS) == [{"loss": 1}, {"loss": 2}, {"loss": 3}, {"loss": "\ufffd4"}]


def test_a_bar_that_is_drawn_for_ever_gives_one_row_per_epoch(tmp_path: Path) -> None:
    file = io.StringIO()
    for epoch in (1, 2, 3):
        for batch in tqdm(range(1000), desc=f"Epoch {epoch}", postfix={"loss": epoch / 2}, mininterval=0, file=file):
            assert batch < 1000
    data = file.getvalue().encode()
    assert data.count(b"\r") > 3000
    rows = [{"epoch": epoch, "train/loss": epoch / 2} for epoch in (1, 2, 3)]
    assert rows_of(tmp_path, data, REDRAWN) == rows
    assert rows_of(tmp_path, data.replace(b"\n", b""), REDRAWN) == rows


def test_an_unfinished_line_waits(tmp_path: Path) -> None:
    log = Log(tmp_path, [LOSS])
    log.write(b"loss: 1\nloss: 2")
    assert (log.read().is_whole, log.rows) == (True, [{"loss": 1}])
    log.write(b"5\rloss: 26")
    assert (log.read().is_whole, log.rows) == (True, [{"loss": 1}])
    log.write(b"\n")
    assert (log.read().is_whole, log.rows) == (True, [{"loss": 1}, {"loss": 26}])
    assert log.read().rows == []


def test_a_newline_that_was_just_written_may_move_the_cursor_to_a_nested_bar(tmp_path: Path) -> None:
    log = Log(tmp_path, [LOSS])
    log.write(b"\rloss: 1\n")
    assert (log.read(is_quiet=False).is_whole, log.rows) == (False, [])
    log.write(b"\r 10%")
    assert (log.read(is_quiet=False).is_whole, log.rows) == (False, [])
    log.write(b"\x1b[A\rloss: 2")
    assert (log.read().is_whole, log.rows) == (True, [])
    log.write(b"\n")
    assert (log.read(is_quiet=False).is_whole, log.rows) == (False, [])
    assert (log.read(is_quiet=True).is_whole, log.rows) == (True, [{"loss": 2}])


def test_a_log_that_is_cut_is_read_from_its_start(tmp_path: Path) -> None:
    log = Log(tmp_path, [LOSS, EPOCH])
    log.write(b"epoch 1\nloss: 1\n")
    log.read_all()
    log.write(b"loss: 2\n", mode="wb")
    log.read_all(is_final=True)
    assert log.rows == [{"epoch": 1, "loss": 1}, {"epoch": 1, "loss": 2}]


@pytest.mark.parametrize("end", [b"\n", b"\r"])
@pytest.mark.parametrize("length", [MAX_LINE_BYTES + 1, SLICE_BYTES - 10, SLICE_BYTES, 10_000_000])
def test_patterns_see_the_beginning_of_a_long_line(tmp_path: Path, length: int, end: bytes) -> None:
    data = b"loss: 1\nloss: 2 " + "ü".encode() * (length // 2) + b" acc: 3 loss: 4" + end + b"loss: 5\n"
    rows = [{"loss": 1}, {"loss": 2}, {"loss": 5}]
    assert rows_of(tmp_path, data, LOSS, r"acc: (?P<acc>\S+)") == (rows if end == b"\n" else [rows[0], rows[2]])


def test_a_pattern_that_no_line_matched_is_reported_at_the_end(tmp_path: Path) -> None:
    log = Log(tmp_path, [LOSS, r"acc: (?P<acc>\S+)"])
    log.write(b"loss: 1\n")
    assert log.read_all().problem is None
    log.write(b"text\n")
    assert log.read_all(is_final=True).problem == r"no line matches 'acc: (?P<acc>\\S+)'"
    log.write(b"acc: 1")
    assert log.read_all(is_final=True).problem is None


def test_a_slow_pattern_makes_each_read_short_and_no_row_wrong(tmp_path: Path) -> None:
    slow = r"(?P<slow>(x{1,40}){1,10})y"
    data = (b"x" * 8000 + b"\n") * 8 + b"xy\n" + b"loss: 1"
    log = Log(tmp_path, [slow, LOSS])
    log.write(data)
    num_reads = 1
    while not log.read(is_final=True).is_whole:
        num_reads += 1
    assert log.rows == [{"slow": "x"}, {"loss": 1}]
    assert num_reads > 2


@pytest.mark.parametrize("seed", range(5))
def test_the_rows_are_the_same_wherever_the_readers_are_killed(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    usual = [b"\n", b"\r", b"\r\n", b"loss: ", b"0.5", b" ", b"Epoch 1", b"epoch 2 loss: 3", b"\x1b[1m"]
    nested = [b"\n\r10% loss: 4\x1b[A", b"\n\n\r 20% loss: 5\x1b[A\x1b[A"]
    rare = [b"\xff", "ü".encode(), b"x" * 5000, b"text\n" * 1000, b"\x1b]8;;a\x1b\\", b"y" * SLICE_BYTES, b"\x1b"]
    written = rng.choices(usual + nested + rare, weights=[30] * 9 + [30] * 2 + [1] * 7, k=2000)
    expected = rows_of(tmp_path, b"".join(written), LOSS, EPOCH)
    log = Log(tmp_path, [LOSS, EPOCH])
    while written:
        number = rng.choice([1, 3, 100])
        log.write(b"".join(written[:number]))
        del written[:number]
        log.read(is_quiet=rng.random() < 0.5)
    log.read_all(is_final=True)
    assert log.rows == expected
    assert len(expected) > 100


def test_nested_bars_give_one_row_per_epoch(tmp_path: Path) -> None:
    file = io.StringIO()
    for epoch in (1, 2):
        bar = tqdm(range(20), desc=f"Epoch {epoch}", mininterval=0, file=file)
        for batch in bar:
            bar.set_postfix(loss=f"{epoch + batch / 100}")
            for _ in tqdm(range(3), desc="loss=7", mininterval=0, leave=False, file=file):
                pass
        tqdm.write(f"Epoch {epoch}: loss=9", file=file)
    log = Log(tmp_path, [REDRAWN])
    for part in re.split(rb"(?=\n)|(?<=\n)|(?=\x1b)", file.getvalue().encode()):
        log.write(part)
        log.read(is_quiet=False)
    log.read_all(is_final=True)
    assert log.rows == [{"epoch": epoch, "train/loss": loss} for epoch in (1, 2) for loss in (epoch + 0.19, 9)]


def test_several_lines_that_rich_draws_for_ever_give_a_row_per_change(tmp_path: Path) -> None:
    file = io.StringIO()
    with Progress(console=Console(file=file, force_terminal=True, width=80), auto_refresh=False) as progress:
        bars = [progress.add_task("", total=10) for _ in range(2)]
        for loss in (3, 2, 1):
            for bar, name in zip(bars, ("loss", "val_loss")):
                progress.update(bar, description=f"{name}={loss}")
            for _ in range(20):
                progress.refresh()
        progress.print("loss=0")
    data = file.getvalue().encode()
    assert data.count(b"\n") > 60
    rows = rows_of(tmp_path, data, r"^loss=(?P<train_loss>\d)", r"^val_loss=(?P<val_loss>\d)")
    values = [row for loss in (3, 2, 1) for row in ({"train/loss": loss}, {"val/loss": loss})]
    assert [row for row in rows if row != {"train/loss": 0}] == values
    assert {"train/loss": 0} in rows
