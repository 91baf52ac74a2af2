"""Rows from one JSON document, such as the trainer_state.json of Hugging Face."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from app.runs.collect.jsonrows import parse_json, row_of
from app.runs.collect.lines import REWRITE_S
from app.runs.collect.source import Position, Reading, Restarted, Row
from trainer.runfile import RunFile

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
"""Parsing a document of this size takes about 0.1 s. A larger one is not read."""
ROWS_AT_ONCE = 2_000


@dataclass(frozen=True)
class JsonDocument:
    """A file that a program replaces each time.

    It contains a list of objects, an object with such a list under `log_history`, an object with a list of values per
    column as in Keras, or a single object.

    A newer document repeats the rows of the older one and adds more. If its rows differ, the program has restarted. A
    document with fewer rows may be an older checkpoint, so the rows are kept if the first one is the same.
    """

    name: str
    file: RunFile

    def read_new(self, position: Position, is_final: bool) -> Reading:
        with self.file.open() as opened:
            status = os.fstat(opened.fileno())
            if status.st_size > MAX_DOCUMENT_BYTES:
                return Reading(
                    [], position, True, f"has {status.st_size:,} bytes, and the limit is {MAX_DOCUMENT_BYTES:,}"
                )
            text = opened.read(MAX_DOCUMENT_BYTES)
        try:
            rows = _rows(parse_json(text))
        except ValueError as error:
            if is_final or time.time() - status.st_mtime > REWRITE_S:
                return Reading([], position, True, f"cannot be read: {error}")
            return Reading([], position, False)  # The program may be writing it now.
        return _new(rows, position)


def _new(rows: Sequence[Row], position: Position) -> Reading:
    num_rows: int = position.get("num_rows", 0)
    is_shorter = len(rows) < num_rows
    known = ("first", 1) if is_shorter else ("digest", num_rows)
    if num_rows and position[known[0]] != _digest(rows[: known[1]]):
        raise Restarted
    if is_shorter:
        return Reading([], position, True)
    end = min(len(rows), num_rows + ROWS_AT_ONCE)
    new = {"num_rows": end, "digest": _digest(rows[:end]), "first": _digest(rows[:1])}
    return Reading(list(rows[num_rows:end]), new, end == len(rows))


def _rows(content: Any) -> list[Row]:
    """Raises ValueError if the document has no rows in one of the known forms."""
    history = content
    if isinstance(content, dict) and "log_history" in content:
        history = content["log_history"]
    elif isinstance(content, dict):
        history = _rows_of_columns(content) if has_history(content) else [content]
    if not isinstance(history, list) or not all(isinstance(each, dict) for each in history):
        raise ValueError("it must be a list of objects, or an object with such a list as log_history")
    return [row for row in map(row_of, history) if row]


def _rows_of_columns(content: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(content, values)) for values in zip_longest(*content.values())]


def has_history(content: dict[str, Any]) -> bool:
    """Whether an object is a complete history, and not the row of one step."""
    return "log_history" in content or (bool(content) and all(isinstance(each, list) for each in content.values()))


def _digest(rows: Sequence[Row]) -> str:
    return hashlib.sha256(repr(rows).encode(errors="surrogateescape")).hexdigest()[:16]
