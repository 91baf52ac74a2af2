"""The tail of a growing metrics file, which yields every row once, whatever the writer does, and again on demand."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import pytest

from app.runs.metrics.chunk import Row
from app.runs.metrics.tail import MetricsTail
from trainer.runfile import RunFile


def read_new(tail: MetricsTail, path: Path | None) -> list[Row]:
    return [row for chunk in tail.read_new(path and RunFile.alone(path)) for row in chunk.rows]


def read_again(tail: MetricsTail, row: int, max_bytes: int = 10**9) -> list[Row]:
    chunk = tail.read_again(row, max_bytes)
    return chunk.rows if chunk is not None else []


def write_csv(path: Path, columns: list[str], rows: list[dict[str, object]]) -> None:
    """Truncate the file and rewrite it in place, as Lightning's CSVLogger does."""
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
    assert read_new(tail, metrics) == [[0, 0, 0.0], [0, 1, 0.5], [0, 2, 1.0]]
    assert read_new(tail, metrics) == []
    append(metrics, "1,3,1.5\r\n")
    assert read_new(tail, metrics) == [[1, 3, 1.5]]
    assert tail.num_rows == 4


def test_the_tail_waits_for_the_end_of_a_line(metrics: Path) -> None:
    tail = MetricsTail()
    read_new(tail, metrics)
    append(metrics, "1,3,1.")
    assert read_new(tail, metrics) == []
    append(metrics, "75\r\n")
    assert read_new(tail, metrics) == [[1, 3, 1.75]]


def test_the_tail_waits_for_the_end_of_the_header(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,st")
    tail = MetricsTail()
    assert read_new(tail, path) == []
    append(path, "ep\r\n0,7\r\n")
    assert read_new(tail, path) == [[0, 7]]


def test_a_wider_header_neither_loses_nor_repeats_rows(metrics: Path) -> None:
    tail = MetricsTail()
    read_new(tail, metrics)
    rows: list[dict[str, object]] = [{"epoch": 0, "step": i, "train/loss": i / 2} for i in range(3)]
    rows.append({"epoch": 0, "step": 2, "a/first": 9})
    write_csv(metrics, ["a/first", "epoch", "step", "train/loss"], rows)
    assert read_new(tail, metrics) == [[9.0, 0, 2, None]]
    assert tail.columns == ["a/first", "epoch", "step", "train/loss"]
    assert tail.num_rows == 4


def test_the_tail_waits_while_a_rewrite_has_emptied_the_file(metrics: Path) -> None:
    tail = MetricsTail()
    read_new(tail, metrics)
    metrics.write_text("")
    assert read_new(tail, metrics) == []
    metrics.write_text("epoch,step,train/loss,val/loss\r\n0,0,0.0,\r\n")
    assert read_new(tail, metrics) == [], "the rewrite is unfinished: the file has fewer rows than were read"
    assert tail.num_rows == 3


def test_every_cut_of_a_file_gives_the_same_rows(tmp_path: Path) -> None:
    """The tail may see any prefix while the file is written, but the rows add up to the whole file."""
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
            rows += read_new(tail, path)
        assert repr(rows) == "[[0, 1, None], [0, 2, nan], [1, 3, -inf], [1, 4, 1e-05]]"


GARBAGE = [b"\x00\x01\xff\n\xfe\n", b"a,b\n" + b"9" * 200_000 + b",1\n", b'"\n"\n"', b"\n\n\n", b"\xff\xfea\n\0"]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_raises_nothing(tmp_path: Path, garbage: bytes) -> None:
    path, tail = tmp_path / "metrics.csv", MetricsTail()
    path.write_bytes(garbage)
    assert all(isinstance(value, (float, int, type(None))) for row in read_new(tail, path) for value in row)


def test_the_problem_of_an_unreadable_file_is_available(tmp_path: Path) -> None:
    path, tail = tmp_path / "metrics.csv", MetricsTail()
    path.write_text("a," * 700_000 + "b\n1\n")
    assert read_new(tail, path) == []
    assert "longer than 256 KiB" in str(tail.problem)
    path.write_text("step\n1\n")
    assert read_new(tail, path) == [[1]]
    assert tail.problem is None


def test_a_missing_file_has_nothing_new(tmp_path: Path) -> None:
    assert read_new(MetricsTail(), None) == []
    assert read_new(MetricsTail(), tmp_path / "none.csv") == []


LONG = 30_000


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """A file of several chunks. Some of its rows are blank, corrupt or too short."""
    path = tmp_path / "metrics.csv"
    odd = {7: "7,,nan\n", 12_345: "12345,2\n", 12_346: "12346,x,\n", 20_000: "20000,1,2,3\n20000,1,2\n"}
    path.write_text("step,loss,acc\n" + "".join(odd.get(i, f"{i},{i / 4},\n") for i in range(LONG)))
    return path


def test_a_long_file_is_read_in_chunks(long: Path) -> None:
    chunks = list(MetricsTail().read_new(RunFile.alone(long)))
    assert len(chunks) > 3
    assert [row[0] for chunk in chunks for row in chunk.rows] == list(range(LONG))


def test_a_line_longer_than_a_chunk_is_read(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss\n1," + "0" * 150_000 + "\n2,5\n")
    assert read_new(MetricsTail(), path) == [[1, 0.0], [2, 5.0]]


def comparable(rows: list[Row]) -> list[list[str]]:
    return [[str(value if value is None else float(value)) for value in row] for row in rows]


@pytest.mark.parametrize("row", [0, 1, 7, 12_344, 20_001, LONG - 1])
@pytest.mark.parametrize("max_bytes", [1, 100, 10**9])
def test_rows_are_read_again_from_anywhere(long: Path, row: int, max_bytes: int) -> None:
    tail = MetricsTail()
    rows = read_new(tail, long)
    append(long, "30000,1,1\n")
    found = read_again(tail, row, max_bytes)
    assert comparable(found) == comparable(rows[row : row + len(found)])
    assert max_bytes != 1 or len(found) == 1
    while max_bytes == 10**9 and (more := read_again(tail, row + len(found), max_bytes)):
        found += more
    assert max_bytes != 10**9 or comparable(found) == comparable(rows[row:]), "no row that the tail has not read yet"
    assert read_again(tail, LONG) == []


def test_rows_are_not_read_again_from_a_file_that_is_being_rewritten(metrics: Path) -> None:
    tail = MetricsTail()
    rows = read_new(tail, metrics)
    write_csv(metrics, ["epoch", "step", "train/loss", "val/loss"], [{"epoch": 0, "step": 0, "train/loss": 0.0}])
    assert read_new(tail, metrics) == []
    assert read_again(tail, 0) == [], "the rewrite is unfinished"
    append(metrics, "0,1,0.5,\r\n0,2,1.0,\r\n")
    assert read_new(tail, metrics) == []
    assert read_again(tail, 0) == [[*row, None] for row in rows]
    assert tail.num_restarts == 0
    metrics.write_text("a," * 700_000 + "b\n1\n")
    assert read_again(tail, 0) == [], "the header is too long"
    metrics.unlink()
    assert read_again(tail, 0) == []


def attempts(tail: MetricsTail, path: Path) -> tuple[int, list[Row]]:
    """Read new rows; return how often the file was restarted, and the rows of the last attempt among them."""
    rows: list[Row] = []
    restarts = tail.num_restarts
    for chunk in tail.read_new(path and RunFile.alone(path)):
        if tail.num_restarts > restarts:
            rows, restarts = [], tail.num_restarts
        rows += chunk.rows
    return tail.num_restarts, rows


HEADER = ["epoch", "step", "train/loss"]
OTHERS: list[dict[str, object]] = [{"epoch": 0, "step": i, "train/loss": 7 + i} for i in range(5)]


@pytest.mark.parametrize("num_rows", [0, 1, 3, 5])
@pytest.mark.parametrize("way", ["in place", "another inode"])
def test_a_restarted_file_is_read_from_its_beginning(metrics: Path, way: str, num_rows: int) -> None:
    tail = MetricsTail()
    read_new(tail, metrics)
    before = tail.attempt
    if way == "another inode":
        metrics.rename(metrics.with_name("old"))
    write_csv(metrics, HEADER, OTHERS[:num_rows])
    assert attempts(tail, metrics) == (1, [[0, i, 7 + i] for i in range(num_rows)])
    assert tail.num_rows == num_rows
    assert tail.attempt != before
    append(metrics, "1,9,9\r\n")
    assert attempts(tail, metrics) == (1, [[1, 9, 9]])


def test_the_next_version_of_a_file_is_read_from_its_beginning(metrics: Path) -> None:
    tail = MetricsTail()
    read_new(tail, metrics)
    newer = metrics.with_name("newer.csv")
    newer.write_text("")
    assert attempts(tail, newer) == (1, []), "the file is empty, but it is not a rewrite of the previous one"
    write_csv(newer, ["epoch", "step"], [{"epoch": 0, "step": 7}])
    assert attempts(tail, newer) == (1, [[0, 7]])


def test_an_attempt_with_other_columns_is_read_from_its_beginning(metrics: Path) -> None:
    tail = MetricsTail()
    read_new(tail, metrics)
    write_csv(metrics, ["epoch", "step", "val/loss"], [{"epoch": 0, "step": 0, "val/loss": 1.0}])
    assert attempts(tail, metrics) == (1, [[0, 0, 1.0]])
    write_csv(metrics, ["epoch", "lr", "step", "val/loss"], [{"epoch": 0, "step": 0, "val/loss": 2.0}])
    assert attempts(tail, metrics) == (2, [[0, None, 0, 2.0]]), "the header is wider, but the row differs"


def test_an_attempt_that_repeats_the_first_rows_is_another_one(metrics: Path) -> None:
    """A program does this with the same seed. Rows that the new attempt has not logged do not belong to it."""
    tail = MetricsTail()
    rows = read_new(tail, metrics)
    first = tail.attempt
    write_csv(metrics, HEADER, [{"epoch": 0, "step": 0, "train/loss": 0.0}])
    assert attempts(tail, metrics) == (1, rows[:1])
    assert tail.attempt != first


def test_a_file_that_is_replaced_with_the_same_rows_and_more_is_the_same_attempt(metrics: Path) -> None:
    """Some programs write the whole table at each epoch and move it into place."""
    tail = MetricsTail()
    read_new(tail, metrics)
    whole = metrics.read_text() + "1,3,1.5\n"
    metrics.with_name("new").write_text(whole)
    metrics.with_name("new").replace(metrics)
    assert attempts(tail, metrics) == (0, [[1, 3, 1.5]])


def test_a_restarted_long_file_is_read_from_its_beginning(tmp_path: Path) -> None:
    path, tail = tmp_path / "metrics.csv", MetricsTail()
    path.write_text("step,a\n" + "".join(f"{i},1\n" for i in range(LONG)))
    read_new(tail, path)
    path.write_text("step,a\n" + "".join(f"{i},{2 if i == LONG - 1 else 1}\n" for i in range(LONG + 5)))
    restarts, rows = attempts(tail, path)
    assert (restarts, [row[0] for row in rows]) == (1, list(range(LONG + 5)))


def test_a_file_rewritten_in_parts_yields_each_row_once(tmp_path: Path) -> None:
    path, tail = tmp_path / "metrics.csv", MetricsTail()
    path.write_text("step,a\n" + "".join(f"{i},1\n" for i in range(LONG)))
    assert len(read_new(tail, path)) == LONG
    whole = "step,a,b\n" + "".join(f"{i},1,\n" for i in range(LONG)) + f"{LONG},,2\n"
    for end in range(0, len(whole) + 50_000, 50_000):
        path.write_text(whole[:end])
        rows = read_new(tail, path)
    assert rows == [[LONG, None, 2.0]]
    assert tail.num_rows == LONG + 1
