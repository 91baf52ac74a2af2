"""Rows of a JSON document that a program writes again and again, as Hugging Face does."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from app.runs.collect.jsondocument import MAX_DOCUMENT_BYTES, ROWS_AT_ONCE, JsonDocument
from app.runs.collect.source import Position, Reading, Restarted, Row
from trainer.runfile import RunFile

HISTORY = [
    {"epoch": 0.5, "grad_norm": float("nan"), "loss": 2.3, "step": 10},
    {"epoch": 1.0, "eval_loss": 2.25, "step": 20},
    {"epoch": 1.5, "loss": 2.1, "step": 30},
]


@pytest.fixture
def source(tmp_path: Path) -> JsonDocument:
    return JsonDocument("trainer_state.json", RunFile.alone(tmp_path / "trainer_state.json"))


def read(source: JsonDocument, content: Any, position: Position, is_final: bool = False) -> Reading:
    text = content if isinstance(content, str) else json.dumps(content, indent=2)
    source.file.path.write_text(text)
    return source.read_new(json.loads(json.dumps(position)), is_final)


def test_each_state_adds_the_rows_since_the_last_one(source: JsonDocument) -> None:
    first = read(source, {"best_metric": 1, "log_history": HISTORY[:2]}, {})
    assert repr(first.rows) == repr(HISTORY[:2])
    assert read(source, {"log_history": HISTORY[:2]}, first.position).rows == []
    assert read(source, {"log_history": HISTORY}, first.position).rows == HISTORY[2:]


def test_an_older_state_takes_no_row_back(source: JsonDocument) -> None:
    position = read(source, {"log_history": HISTORY}, {}).position
    older = read(source, {"log_history": HISTORY[:1]}, position)
    assert (older.rows, older.position) == ([], position)


def test_other_rows_are_another_attempt(source: JsonDocument) -> None:
    position = read(source, {"log_history": HISTORY}, {}).position
    for other in ([{"loss": 7}], [*HISTORY[:2], {"loss": 7}], [{"loss": 7}, *HISTORY]):
        with pytest.raises(Restarted):
            read(source, {"log_history": other}, position)


@pytest.mark.parametrize("content", ['{"log_history": [{"loss', "", "[1]", '"text"', '{"log_history": {"loss": 1}}'])
def test_a_document_of_another_form_waits_and_is_said_once_it_rests(source: JsonDocument, content: str) -> None:
    position = read(source, {"log_history": HISTORY}, {}).position
    reading = read(source, content, position)
    assert (reading.rows, reading.position, reading.is_whole, reading.problem) == ([], position, False, None)
    final = read(source, content, position, is_final=True)
    assert (final.position, final.is_whole) == (position, True)
    os.utime(source.file.path, (0, 0))
    resting = source.read_new(position, is_final=False)
    assert resting.problem == final.problem != None  # noqa: E711


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ([{"loss": 1}, {"note": "no number"}, {"loss": 2}], [{"loss": 1}, {"loss": 2}]),
        ({"Epoch": 3, "test": {"loss": 1}}, [{"epoch": 3, "test/loss": 1}]),
        ({"loss": [2, 1], "val_loss": [3]}, [{"loss": 2, "val_loss": 3}, {"loss": 1}]),
        ({"log_history": []}, []),
        ({"best_metric": None, "log_history": []}, []),
    ],
)
def test_other_forms_of_documents_have_rows_too(source: JsonDocument, content: Any, rows: list[Row]) -> None:
    assert read(source, content, {}).rows == rows


def test_a_long_history_comes_in_pieces(source: JsonDocument) -> None:
    history = [{"step": i} for i in range(ROWS_AT_ONCE + 1)]
    first = read(source, history, {})
    assert (len(first.rows), first.is_whole) == (ROWS_AT_ONCE, False)
    assert source.read_new(first.position, is_final=False).rows == [{"step": ROWS_AT_ONCE}]


def test_a_huge_document_is_not_read(source: JsonDocument) -> None:
    with open(source.file.path, "wb") as file:
        file.truncate(MAX_DOCUMENT_BYTES + 1)
    assert "limit" in str(source.read_new({}, is_final=False).problem)
