"""Turn JSON objects into rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from app.runs.collect.source import Row, Value
from trainer.experiment.logpattern import COUNTERS

MAX_DEPTH = 8


def parse_json(text: bytes) -> Any:
    """Parse JSON with NaN and Infinity, which Python writes and JSON lacks. Raises ValueError."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return json.loads(text)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error


def row_of(content: Mapping[str, Any]) -> Row:
    """Return the numbers and strings of an object by name. Empty if it has no number.

    The names of nested objects are joined: `{"train": {"loss": 1}}` has `train/loss`. True and false become
    strings. Lists and nulls are left out. A counter with capitals, such as Epoch, becomes lower case.
    """
    row = {name.lower() if name.lower() in COUNTERS else name: value for name, value in _values(content, "", MAX_DEPTH)}
    return row if any(isinstance(value, (int, float)) for value in row.values()) else {}


def _values(content: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Value]]:
    for key, value in content.items():
        name = prefix + key
        if isinstance(value, bool):
            yield name, str(value).lower()
        elif isinstance(value, (int, float, str)):
            yield name, value
        elif isinstance(value, dict) and depth > 1:
            yield from _values(value, f"{name}/", depth - 1)
