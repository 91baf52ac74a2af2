"""Rows as they are written, told as JSON and as numbers: what is passed on as it is and what is not."""

from __future__ import annotations

import json
import math
import random

import pytest

from app.runs.stretch import Stretch

COLUMNS = ["epoch", "step", "100 %/ä", "val/acc"]


def told(stretch: Stretch, columns: list[int]) -> list[dict[str, object]]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return list(json.loads(b"[" + stretch.encoded(columns)[1:] + b"]", parse_constant=refuse))


def test_what_python_writes_is_passed_on_as_it_is() -> None:
    numbers = random.Random(0)
    values = [numbers.uniform(-1, 1) * 10.0 ** numbers.randint(-30, 30) for _ in range(500)]
    stretch = Stretch(COLUMNS, [f"0,{i},{value!r},".encode() for i, value in enumerate(values)])
    assert stretch.is_plain
    assert told(stretch, [0, 1, 2, 3]) == [
        {"epoch": 0, "step": i, "100 %/ä": value, "val/acc": None} for i, value in enumerate(values)
    ]
    assert told(stretch, [3, 1])[7] == {"val/acc": None, "step": 7}
    assert told(stretch, []) == [{}] * 500
    assert stretch.values(2) == values


def test_what_is_not_finite_is_null_and_told() -> None:
    stretch = Stretch(COLUMNS, [b"0,1,nan,1.5", b"0,2,,-inf", b"0,3,inf,nan"])
    assert stretch.is_plain
    assert [row["100 %/ä"] for row in told(stretch, [2])] == [None, None, None]
    assert stretch.non_finite([2, 3]) == {"100 %/ä": {"nan": [0], "inf": [2]}, "val/acc": {"-inf": [1], "nan": [2]}}
    assert stretch.non_finite([0]) == {}
    assert repr(stretch.values(3)) == "[1.5, -inf, nan]"
    assert told(stretch.only([2, 0]), [1]) == [{"step": 3}, {"step": 1}]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("text", None), ("true", None), ("null", None), ("[1]", None), ('"2"', 2.0), ('"a,b"', None), ("0x10", None),
        (" 5 ", 5.0), ("+1.5", 1.5), ("1.", 1.0), (".5", 0.5), ("01", 1.0), ("1_0", 10.0), ("-nan", math.nan),
        ("1e999", math.inf), ("-Infinity", -math.inf), ("fan", None), ("1-2", None), ("-", None), ("é", None),
    ],
)  # fmt: skip
def test_what_python_would_not_write_is_parsed(cell: str, value: float | None) -> None:
    stretch = Stretch(["step", "x"], [b"0,1.0", f"1,{cell}".encode()])
    assert not stretch.is_plain
    assert told(stretch, [0, 1])[1] == {"step": 1, "x": value if value is None or math.isfinite(value) else None}
    assert repr(stretch.values(1)[1]) == repr(value)
    if value is not None and not math.isfinite(value):
        assert stretch.non_finite([1]) == {"x": {repr(value): [1]}}


def test_a_counter_is_a_whole_number_however_it_is_written() -> None:
    stretch = Stretch(["epoch", "step"], [b"0.0,1e3", b"1,12345678901234567890123", b"nan,1e300"])
    assert [type(row["epoch"]) for row in told(stretch, [0, 1])] == [int, int, type(None)]
    assert [row["step"] for row in told(stretch, [1])] == [1000, int(float("12345678901234567890123")), int(1e300)]
    assert stretch.maxima() == {"epoch": 1, "step": int(1e300)}


def test_a_row_that_ends_early_is_filled_up() -> None:
    assert told(Stretch(["a", "b"], [b"1.0", b"1.0,2.0"]), [0, 1]) == [{"a": 1.0, "b": None}, {"a": 1.0, "b": 2.0}]
