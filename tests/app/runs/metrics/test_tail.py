"""The follower of a growing metrics file: every row once, whatever the writer does, and again on demand."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import pytest

from app.runs.metrics.chunk import Row
from app.runs.metrics.tail import MetricsTail
from trainer.runfile import RunFile


def new(tail: MetricsTail, path: Path | None) -> list[Row]:
    return [row for chunk in tail.read_new(path and RunFile.alone(path)) for row in chunk.rows]


def again(tail: MetricsTail, row: int, max_bytes: int = 10**9) -> list[Row]:
    chunk = tail.read_again(row, max_bytes)
    return chunk.rows if chunk is not None else []


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


GARBAGE = [b"\x00\x01\xff\n\xfe\n", b"a,b\n" + b"9" * 200_000 + b",1\n", b'"\n"\n"', b"\n\n\n", b"\xff\xfea\n\0"]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_raises_nothing(tmp_path: Path, garbage: bytes) -> None:
    path, tail = tmp_path / "metrics.csv", MetricsTail()
    path.write_bytes(garbage)
    assert all(isinstance(value, (float, int, type(None))) for row in new(tail, path) for value in row)


def test_what_keeps_a_file_from_being_read_is_known(tmp_path: Path) -> None:
    path, tail = tmp_path / "metrics.csv", MetricsTail()
    path.write_text("a," * 700_000 + "b\n1\n")
    assert new(tail, path) == []
    assert "longer than 256 KiB" in str(tail.problem)
    path.write_text("step\n1\n")
    assert new(tail, path) == [[1]]
    assert tail.problem is None


def test_a_missing_file_has_nothing_new(tmp_path: Path) -> None:
    assert new(MetricsTail(), None) == []
    assert new(MetricsTail(), tmp_path / "none.csv") == []


LONG = 30_000


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """Several times as many rows as are read at once; some of them blank, corrupt or too short."""
    path = tmp_path / "metrics.csv"
    odd = {7: "7,,nan\n", 12_345: "12345,2\n", 12_346: "12346,x,\n", 20_000: "20000,1,2,3\n20000,1,2\n"}
    path.write_text("step,loss,acc\n" + "".join(odd.get(i, f"{i},{i / 4},\n") for i in range(LONG)))
    return path


def test_a_long_file_comes_in_pieces(long: Path) -> None:
    pieces = list(MetricsTail().read_new(RunFile.alone(long)))
    assert len(pieces) > 3
    assert [row[0] for piece in pieces for row in piece.rows] == list(range(LONG))


def test_a_line_longer_than_a_piece_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss\n1," + "0" * 150_000 + "\n2,5\n")
    assert new(MetricsTail(), path) == [[1, 0.0], [2, 5.0]]


def comparable(rows: list[Row]) -> list[list[str]]:
    return [[str(value if value is None else float(value)) for value in row] for row in rows]


@pytest.mark.parametrize("row", [0, 1, 7, 12_344, 20_001, LONG - 1])
@pytest.mark.parametrize("max_bytes", [1, 100, 10**9])
def test_rows_are_read_again_from_anywhere(long: Path, row: int, max_bytes: int) -> None:
    tail = MetricsTail()
    rows = new(tail, long)
    append(long, "30000,1,1\n")
    found = again(tail, row, max_bytes)
    assert comparable(found) == comparable(rows[row : row + len(found)])
    assert max_bytes != 1 or len(found) == 1
    while max_bytes == 10**9 and (more := again(tail, row + len(found), max_bytes)):
        found += more
    assert max_bytes != 10**9 or comparable(found) == comparable(rows[row:]), "none that is still to come"
    assert again(tail, LONG) == []


def test_rows_are_not_read_again_from_a_file_that_is_being_rewritten(metrics: Path) -> None:
    tail = MetricsTail()
    rows = new(tail, metrics)
    write_csv(metrics, ["epoch", "step", "train/loss", "val/loss"], [{"epoch": 0, "step": 0, "train/loss": 0.0}])
    assert new(tail, metrics) == []
    assert again(tail, 0) == [], "not rewritten yet"
    append(metrics, "0,1,0.5,\r\n0,2,1.0,\r\n")
    assert new(tail, metrics) == []
    assert again(tail, 0) == [[*row, None] for row in rows]
    assert tail.num_restarts == 0
    metrics.write_text("a," * 700_000 + "b\n1\n")
    assert again(tail, 0) == [], "its header is too long"
    metrics.unlink()
    assert again(tail, 0) == []


def attempts(tail: MetricsTail, path: Path) -> tuple[int, list[Row]]:
    """How often the file was begun anew, and the rows of the last attempt that come now."""
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
def test_a_file_begun_anew_begins_again(metrics: Path, way: str, num_rows: int) -> None:
    tail = MetricsTail()
    new(tail, metrics)
    before = tail.attempt
    if way == "another inode":
        metrics.rename(metrics.with_name("old"))
    write_csv(metrics, HEADER, OTHERS[:num_rows])
    assert attempts(tail, metrics) == (1, [[0, i, 7 + i] for i in range(num_rows)])
    assert tail.num_rows == num_rows
    assert tail.attempt != before
    append(metrics, "1,9,9\r\n")
    assert attempts(tail, metrics) == (1, [[1, 9, 9]])


def test_the_next_version_of_a_file_begins_again(metrics: Path) -> None:
    tail = MetricsTail()
    new(tail, metrics)
    newer = metrics.with_name("newer.csv")
    newer.write_text("")
    assert attempts(tail, newer) == (1, []), "empty, and not a rewrite of the file before"
    write_csv(newer, ["epoch", "step"], [{"epoch": 0, "step": 7}])
    assert attempts(tail, newer) == (1, [[0, 7]])


def test_an_attempt_that_logs_other_columns_begins_again(metrics: Path) -> None:
    tail = MetricsTail()
    new(tail, metrics)
    write_csv(metrics, ["epoch", "step", "val/loss"], [{"epoch": 0, "step": 0, "val/loss": 1.0}])
    assert attempts(tail, metrics) == (1, [[0, 0, 1.0]])
    write_csv(metrics, ["epoch", "lr", "step", "val/loss"], [{"epoch": 0, "step": 0, "val/loss": 2.0}])
    assert attempts(tail, metrics) == (2, [[0, None, 0, 2.0]]), "wider, but its row is another one"


def test_an_attempt_that_begins_alike_is_another_one(metrics: Path) -> None:
    """As with the same seed: what it has not logged yet is not told of it."""
    tail = MetricsTail()
    rows = new(tail, metrics)
    first = tail.attempt
    write_csv(metrics, HEADER, [{"epoch": 0, "step": 0, "train/loss": 0.0}])
    assert attempts(tail, metrics) == (1, rows[:1])
    assert tail.attempt != first


def test_a_file_that_is_replaced_with_more_of_the_same_rows_goes_on(metrics: Path) -> None:
    """As programs do that write the whole table at each epoch and move it into place."""
    tail = MetricsTail()
    new(tail, metrics)
    whole = metrics.read_text() + "1,3,1.5\n"
    metrics.with_name("new").write_text(whole)
    metrics.with_name("new").replace(metrics)
    assert attempts(tail, metrics) == (0, [[1, 3, 1.5]])


def test_a_long_file_begun_anew_begins_again(tmp_path: Path) -> None:
    path, tail = tmp_path / "metrics.csv", MetricsTail()
    path.write_text("step,a\n" + "".join(f"{i},1\n" for i in range(LONG)))
    new(tail, path)
    path.write_text("step,a\n" + "".join(f"{i},{2 if i == LONG - 1 else 1}\n" for i in range(LONG + 5)))
    restarts, rows = attempts(tail, path)
    assert (restarts, [row[0] for row in rows]) == (1, list(range(LONG + 5)))


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
