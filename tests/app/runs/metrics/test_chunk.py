"""Chunks of rows: their encoding as JSON, their numbers, and which cells are passed on unchanged."""

from __future__ import annotations

import json
import math
import random

import pytest

from app.runs.metrics.chunk import Chunk
from app.runs.metrics.header import Header

HEADER = Header.parse("epoch,step,100 %/ä,val/acc\n".encode())


def decode(chunk: Chunk, columns: list[int]) -> list[dict[str, object]]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not valid JSON")

    return list(json.loads(b"[" + chunk.encoded(columns)[1:] + b"]", parse_constant=refuse))


def test_numbers_as_python_writes_them_are_passed_on_unchanged() -> None:
    numbers = random.Random(0)
    values = [numbers.uniform(-1, 1) * 10.0 ** numbers.randint(-30, 30) for _ in range(500)]
    chunk = Chunk(HEADER, [f"0,{i},{value!r},".encode() for i, value in enumerate(values)])
    assert chunk.is_plain
    assert decode(chunk, [0, 1, 2, 3]) == [
        {"epoch": 0, "step": i, "100 %/ä": value, "val/acc": None} for i, value in enumerate(values)
    ]
    assert decode(chunk, [3, 1])[7] == {"val/acc": None, "step": 7}
    assert decode(chunk, []) == [{}] * 500
    assert chunk.values(2) == values


def test_numbers_that_are_not_finite_are_null_and_reported() -> None:
    chunk = Chunk(HEADER, [b"0,1,nan,1.5", b"0,2,,-inf", b"0,3,inf,nan"])
    assert chunk.is_plain
    assert [row["100 %/ä"] for row in decode(chunk, [2])] == [None, None, None]
    assert chunk.non_finite([2, 3]) == {"100 %/ä": {"nan": [0], "inf": [2]}, "val/acc": {"-inf": [1], "nan": [2]}}
    assert chunk.non_finite([0]) == {}
    assert repr(chunk.values(3)) == "[1.5, -inf, nan]"
    assert decode(chunk.only([2, 0]), [1]) == [{"step": 3}, {"step": 1}]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('"2"', 2), (" 5 ", 5), ("+1.5", 1.5), ("1.", 1), (".5", 0.5), ("01", 1), ("  ", None),
        ("NaN", math.nan), ("-nan", math.nan), ("1e999", math.inf), ("-Infinity", -math.inf),
        ("1" * 40, float("1" * 40)),
    ],
)  # fmt: skip
def test_numbers_that_python_would_not_write_are_parsed(cell: str, value: float | None) -> None:
    chunk = Chunk(Header.parse(b"step,x\n"), [b"0,1.0", f"1,{cell}".encode()])
    assert not chunk.is_plain
    assert decode(chunk, [0, 1])[1] == {"step": 1, "x": value if value is None or math.isfinite(value) else None}
    assert repr(chunk.values(1)[1]) == repr(value)
    if value is not None and not math.isfinite(value):
        assert chunk.non_finite([1]) == {"x": {repr(value): [1]}}


@pytest.mark.parametrize(
    "cell",
    ["text", "true", "null", "[1]", '"a,b"', "0x10", "fan", "1-2", "-", "é", '12" pizza', '"open', "45%", "\xff"],
)
def test_text_is_left_out_and_the_rest_of_its_row_stays(cell: str) -> None:
    chunk = Chunk(Header.parse(b"step,x,y\n"), [b"0,1.5,2.5", f"1,3.5,{cell}".encode("latin-1"), b"2,,4.5"])
    assert decode(chunk, [0, 1, 2]) == [
        {"step": 0, "x": 1.5, "y": 2.5},
        {"step": 1, "x": 3.5},
        {"step": 2, "x": None, "y": 4.5},
    ]
    assert (chunk.text, chunk.problems) == ({2: {1}}, [])
    assert chunk.values(2) == [2.5, None, 4.5]
    assert decode(chunk.only([1]), [0, 2]) == decode(chunk.since(1), [0, 2])[:1] == [{"step": 1}]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1,2,3,4", "has 4 cells under a header of 3"),
        (b"0,10,0.50,11,0.4", "has 5 cells"),
        (b"1,\0\0,3", "NUL"),
        (b"Epoch,step,loss", "repeats the header"),
        (b"epoch,step,loss,val/loss", "is another header"),
        (b"epoch,loss,step", "is another header"),
        (b"epoch,best,last", "has text for its epoch"),
        (b'"1,2,3', "has text for its epoch"),
        (b"\xff\xfe,1,2", "has text for its epoch"),
        (b"# done", "has text for its epoch"),
        (b",,stopped", "contains no number"),
    ],
)
def test_a_line_that_is_not_a_row_is_left_out_with_a_reason(line: bytes, reason: str) -> None:
    chunk = Chunk(Header.parse(b"epoch,step,loss\n"), [b"0,1,2.5", line, b"1,2,1.5"])
    assert chunk.rows == [[0, 1, 2.5], [1, 2, 1.5]]
    ((index, actual_reason),) = chunk.problems
    assert index == 1
    assert reason in actual_reason


def test_a_row_that_is_too_long_is_no_header_if_columns_are_called_by_numbers() -> None:
    (problem,) = Chunk(Header.parse(b"0,1,2\n"), [b"2,1,0,7"]).problems
    assert problem.reason == "has 4 cells under a header of 3"


@pytest.mark.parametrize("line", [b"1,2,", b"1,2", b"1,2,,,", b"1,2,  , "])
def test_blanks_at_the_end_of_a_row_do_not_count(line: bytes) -> None:
    chunk = Chunk(Header.parse(b"epoch,step,loss\n"), [b"0,1,2.5", line])
    assert (chunk.rows[1], chunk.problems) == ([1, 2, None], [])


def test_a_line_may_omit_at_most_a_hundred_blanks() -> None:
    header = Header.parse(",".join(f"x{i}" for i in range(102)).encode())
    chunk = Chunk(header, [b"1", b"1,2"])
    assert chunk.rows == [[1, 2] + [None] * 100]
    assert chunk.problems == [(0, "has 1 cells under a header of 102")]


def test_epochs_and_steps_are_unchanged() -> None:
    chunk = Chunk(Header.parse(b"epoch,step\n"), [b"0.5,10", b"1.0,20", b"1.5,1e308"])
    assert decode(chunk, [0, 1]) == [
        {"epoch": 0.5, "step": 10},
        {"epoch": 1, "step": 20},
        {"epoch": 1.5, "step": 1e308},
    ]
    assert chunk.maxima() == {"epoch": 1.5, "step": 1e308}
    assert len(chunk.encoded([0, 1])) < 100, "no client has to read a number of 309 digits"


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        (b"\xef\xbb\xbfepoch,step\r\n", ["epoch", "step"]),
        (b"   epoch ,  train/loss\n", ["epoch", "train/loss"]),
        (b'"epoch", "a,b"\n', ["epoch", "a,b"]),
        (b"epoch;step;train/loss\n", ["epoch", "step", "train/loss"]),
        (b"epoch\tstep\n", ["epoch", "step"]),
        (b"\n\nepoch,step,\n", ["epoch", "step"]),
        (b",epoch,loss,loss,loss.1\n", ["column 1", "epoch", "loss", "loss.1", "loss.1.1"]),
        (b"loss\n", ["loss"]),
    ],
)
def test_column_names_are_unique(header: bytes, columns: list[str]) -> None:
    assert Header.parse(header).columns == columns


def test_a_table_with_semicolons_may_use_decimal_commas() -> None:
    chunk = Chunk(Header.parse(b"epoch;loss;note\n"), [b"0;1,5;ok", b"1;1.25;"])
    assert chunk.rows == [[0, 1.5, None], [1, 1.25, None]]
    assert chunk.text == {2: {0}}
