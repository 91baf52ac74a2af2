"""Followers of growing files: every row and every byte once, whatever the writer does."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import pytest

from app.runs.tail import LogTail, MetricsTail, first_line, read_log


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
    assert tail.read_new(metrics) == [[0, 0, 0.0], [0, 1, 0.5], [0, 2, 1.0]]
    assert tail.read_new(metrics) == []
    append(metrics, "1,3,1.5\r\n")
    assert tail.read_new(metrics) == [[1, 3, 1.5]]
    assert tail.num_rows == 4


def test_an_unfinished_line_waits(metrics: Path) -> None:
    tail = MetricsTail()
    tail.read_new(metrics)
    append(metrics, "1,3,1.")
    assert tail.read_new(metrics) == []
    append(metrics, "75\r\n")
    assert tail.read_new(metrics) == [[1, 3, 1.75]]


def test_an_unfinished_header_waits(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,st")
    tail = MetricsTail()
    assert tail.read_new(path) == []
    append(path, "ep\r\n0,7\r\n")
    assert tail.read_new(path) == [[0, 7]]


def test_a_wider_header_loses_and_doubles_nothing(metrics: Path) -> None:
    tail = MetricsTail()
    tail.read_new(metrics)
    rows: list[dict[str, object]] = [{"epoch": 0, "step": i, "train/loss": i / 2} for i in range(3)]
    rows.append({"epoch": 0, "step": 2, "a/first": 9})
    write_csv(metrics, ["a/first", "epoch", "step", "train/loss"], rows)
    assert tail.read_new(metrics) == [[9.0, 0, 2, None]]
    assert tail.columns == ["a/first", "epoch", "step", "train/loss"]
    assert tail.num_rows == 4


def test_a_file_emptied_for_rewriting_waits(metrics: Path) -> None:
    tail = MetricsTail()
    tail.read_new(metrics)
    metrics.write_text("")
    assert tail.read_new(metrics) == []
    metrics.write_text("epoch,step,train/loss,val/loss\r\n0,0,0.0,\r\n")
    assert tail.read_new(metrics) == [], "fewer rows than were read already: the rewriting is not over"
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
            rows += tail.read_new(path)
        assert repr(rows) == "[[0, 1, None], [0, 2, nan], [1, 3, -inf], [1, 4, 1e-05]]"


GARBAGE = [b"\x00\x01\xff\n\xfe\n", b"a,b\n" + b"9" * 200_000 + b",1\n", b'"\n"\n"', b"\n\n\n"]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_has_nothing_new_and_raises_nothing(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "metrics.csv"
    path.write_bytes(garbage)
    for row in MetricsTail().read_new(path):
        assert all(value is None or isinstance(value, float) for value in row)


def test_a_missing_file_has_nothing_new(tmp_path: Path) -> None:
    assert MetricsTail().read_new(None) == []
    assert MetricsTail().read_new(tmp_path / "none.csv") == []


TEXT = "aä€😀" * 50


def test_log_pieces_of_any_size_join_to_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text(TEXT, encoding="utf-8")
    for limit in range(1, 12):
        offset, text = 0, ""
        while (chunk := read_log(path, offset, limit)).next_offset > offset:
            assert chunk.offset == offset
            offset, text = chunk.next_offset, text + chunk.text
        assert text == TEXT
        assert offset == chunk.size == len(TEXT.encode())


def test_a_log_read_from_its_end_begins_at_a_character(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text(TEXT, encoding="utf-8")
    for back in range(1, 40):
        chunk = read_log(path, -back, 1000)
        assert TEXT.endswith(chunk.text)
        assert "\ufffd" not in chunk.text
        assert len(chunk.text.encode()) == chunk.next_offset - chunk.offset <= back


def test_an_offset_moves_forward_to_where_a_line_begins(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text("one\ntw€\nthree", encoding="utf-8")
    size = path.stat().st_size
    assert [first_line(path, offset, size) for offset in range(11)] == [0, 4, 4, 4, 4, 10, 10, 10, 10, 10, 10]
    # Where none begins in time it is at least a character: the euro sign's bytes are 6, 7 and 8.
    assert [first_line(path, offset, 9) for offset in (5, 6, 7, 8)] == [5, 6, 9, 9]
    assert first_line(tmp_path / "missing", 5, 9) == 0


def test_an_incomplete_character_waits_until_the_end(tmp_path: Path) -> None:
    path, tail = tmp_path / "train.log", LogTail()
    path.write_bytes("100 €".encode()[:-1])
    assert "".join(chunk.text for chunk in tail.read_new(path)) == "100 "
    assert tail.read_new(path) == []
    path.write_bytes("100 €".encode())
    assert "".join(chunk.text for chunk in tail.read_new(path)) == "€"


def test_bytes_that_are_no_utf8_appear_as_replacements_and_are_counted(tmp_path: Path) -> None:
    path, tail = tmp_path / "train.log", LogTail()
    path.write_bytes(b"ok \xff\xfe\x80\x80\x80\x80\x80 end\xe2\x82")
    chunks = tail.read_new(path, is_final=True)
    assert "".join(chunk.text for chunk in chunks).startswith("ok \ufffd")
    assert tail.offset == path.stat().st_size


def test_a_flood_is_skipped_and_its_gap_told(tmp_path: Path) -> None:
    path, tail = tmp_path / "train.log", LogTail()
    path.write_bytes(b"x" * 5_000_000)
    chunks = tail.read_new(path)
    assert chunks[0].offset == 5_000_000 - LogTail.CHUNK_BYTES
    assert tail.offset == 5_000_000


def test_a_log_is_handed_out_in_chunks_that_join(tmp_path: Path) -> None:
    path, tail = tmp_path / "train.log", LogTail()
    written = ("line\n" * 60_000).encode()
    path.write_bytes(written)
    chunks = tail.read_new(path)
    assert len(chunks) == -(-len(written) // LogTail.CHUNK_BYTES)
    assert "".join(chunk.text for chunk in chunks).encode() == written
