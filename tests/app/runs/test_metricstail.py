"""The follower of a growing metrics file: every row once, whatever the writer does, and again on demand."""

from __future__ import annotations

import csv
import io
import random
from itertools import chain
from pathlib import Path

import pytest

from app.runs.events import Row
from app.runs.metricstail import MetricsTail


def new(tail: MetricsTail, path: Path | None) -> list[Row]:
    return list(chain.from_iterable(tail.read_new(path)))


def write_csv(path: Path, columns: list[str], rows: list[dict[str, object]]) -> None:
    """Write as Lightning's CSVLogger does: truncated and rewritten in place."""
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=columns)
        writer.writeheader()
        writer.writerows(rows)


def append(path: Path, text: str) -> None:
    with open(path, "a", newline="") as file:
        file.write(text)


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    path = tmp_path / "metrics.csv"
    write_csv(path, ["epoch", "step", "train/loss"], [{"epoch": 0, "step": i, "train/loss": i / 2} for i in range(3)])
    return path


def test_rows_come_once_and_in_order(metrics: Path) -> None:
    tail = MetricsTail()
    assert new(tail, metrics) == [[0, 0, 0.0], [0, 1, 0.5], [0, 2, 1.0]]
    assert new(tail, metrics) == []
    append(metrics, "1,3,1.5\r\n")
    assert new(tail, metrics) == [[1, 3, 1.5]]
    assert tail.num_rows == 4


def test_an_unfinished_line_waits(metrics: Path) -> None:
    tail = MetricsTail()
    new(tail, metrics)
    append(metrics, "1,3,1.")
    assert new(tail, metrics) == []
    append(metrics, "75\r\n")
    assert new(tail, metrics) == [[1, 3, 1.75]]


def test_an_unfinished_header_waits(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,st")
    tail = MetricsTail()
    assert new(tail, path) == []
    append(path, "ep\r\n0,7\r\n")
    assert new(tail, path) == [[0, 7]]


def test_a_wider_header_loses_and_doubles_nothing(metrics: Path) -> None:
    tail = MetricsTail()
    new(tail, metrics)
    rows: list[dict[str, object]] = [{"epoch": 0, "step": i, "train/loss": i / 2} for i in range(3)]
    rows.append({"epoch": 0, "step": 2, "a/first": 9})
    write_csv(metrics, ["a/first", "epoch", "step", "train/loss"], rows)
    assert new(tail, metrics) == [[9.0, 0, 2, None]]
    assert tail.columns == ["a/first", "epoch", "step", "train/loss"]
    assert tail.num_rows == 4


def test_a_file_emptied_for_rewriting_waits(metrics: Path) -> None:
    tail = MetricsTail()
    new(tail, metrics)
    metrics.write_text("")
    assert new(tail, metrics) == []
    metrics.write_text("epoch,step,train/loss,val/loss\r\n0,0,0.0,\r\n")
    assert new(tail, metrics) == [], "fewer rows than were read already: the rewriting is not over"
    assert tail.num_rows == 3


def test_every_cut_of_a_file_gives_the_same_rows(tmp_path: Path) -> None:
    """Any prefix may be seen while the file is written: the rows add up to the whole all the same."""
    path = tmp_path / "metrics.csv"
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerows([["epoch", "step", "x"], [0, 1, ""], [0, 2, "nan"], [1, 3, "-inf"], [1, 4, "1e-5"]])
    whole = stream.getvalue().encode()
    random_cuts = random.Random(0)
    for _ in range(200):
        tail, rows = MetricsTail(), []
        for end in [*sorted(random_cuts.sample(range(len(whole)), 5)), len(whole)]:
            path.write_bytes(whole[:end])
            rows += new(tail, path)
        assert repr(rows) == "[[0, 1, None], [0, 2, nan], [1, 3, -inf], [1, 4, 1e-05]]"


GARBAGE = [b"\x00\x01\xff\n\xfe\n", b"a,b\n" + b"9" * 200_000 + b",1\n", b'"\n"\n"', b"\n\n\n"]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_has_nothing_new_and_raises_nothing(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "metrics.csv"
    path.write_bytes(garbage)
    for row in new(MetricsTail(), path):
        assert all(value is None or isinstance(value, float) for value in row)


def test_a_missing_file_has_nothing_new(tmp_path: Path) -> None:
    assert new(MetricsTail(), None) == []
    assert new(MetricsTail(), tmp_path / "none.csv") == []


LONG = 30_000


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """Several times as many rows as are read at once; some of them blank, spoilt or too short."""
    path = tmp_path / "metrics.csv"
    odd = {7: "7,,nan\n", 12_345: "12345,2\n", 12_346: "12346,x,\n", 20_000: "20000,1,2,3\n"}
    path.write_text("step,loss,acc\n" + "".join(odd.get(i, f"{i},{i / 4},\n") for i in range(LONG)))
    return path


def test_a_long_file_comes_in_pieces(long: Path) -> None:
    pieces = list(MetricsTail().read_new(long))
    assert len(pieces) > 3
    assert [row[0] for row in chain.from_iterable(pieces)] == list(range(LONG))


def test_a_line_longer_than_a_piece_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss\n1," + "0," * 150_000 + "\n2,5\n")
    assert new(MetricsTail(), path) == [[1, 0.0], [2, 5.0]]


@pytest.mark.parametrize("row", [0, 1, 7, 12_344, 20_001, LONG - 1])
@pytest.mark.parametrize("max_rows", [1, 3, LONG])
def test_rows_are_read_again_from_anywhere(long: Path, row: int, max_rows: int) -> None:
    tail = MetricsTail()
    rows = new(tail, long)
    append(long, "30000,1,1\n")
    assert repr(tail.read_again(long, row, max_rows)) == repr(rows[row : row + max_rows]), "none that is still to come"


def test_rows_are_not_read_again_from_a_file_that_was_rewritten_until_they_are_there(metrics: Path) -> None:
    tail = MetricsTail()
    new(tail, metrics)
    metrics.write_text("epoch,step,train/loss,val/loss\r\n0,0,0.0,\r\n")
    assert tail.read_again(metrics, 0, 9) == [], "it was rewritten, which the tail has not seen"
    assert new(tail, metrics) == []
    assert tail.read_again(metrics, 0, 9) == [[0, 0, 0.0, None]]
    assert tail.read_again(metrics, 2, 9) == [], "not rewritten yet"
    metrics.unlink()
    assert tail.read_again(metrics, 0, 9) == []


def test_a_file_rewritten_by_pieces_gives_each_row_once(tmp_path: Path) -> None:
    path, tail = tmp_path / "metrics.csv", MetricsTail()
    path.write_text("step,a\n" + "".join(f"{i},1\n" for i in range(LONG)))
    assert len(new(tail, path)) == LONG
    whole = "step,a,b\n" + "".join(f"{i},1,\n" for i in range(LONG)) + f"{LONG},,2\n"
    for end in range(0, len(whole) + 50_000, 50_000):
        path.write_text(whole[:end])
        rows = new(tail, path)
    assert rows == [[LONG, None, 2.0]]
    assert tail.num_rows == LONG + 1
