"""Encode the rows of a metrics table as JSON in chunks, so that a file of any length needs little memory."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson

from app.runs.metrics.chunk import Chunk, NonFinite
from app.runs.metrics.downsampling import choose
from app.runs.metrics.table import Table
from app.runs.times import format_time

CHUNK_BYTES = 128 * 1024


@dataclass(frozen=True)
class WantedRows:
    """Which rows and columns of a table to encode. None: all."""

    since_row: int = 0
    max_points: int | None = None
    columns: tuple[str, ...] | None = None


def encode(run_id: str, table: Table, wanted: WantedRows, problem: str | None = None) -> Iterator[bytes]:
    """Yield the JSON of REST's answer in chunks. `problem` says what else cannot be read. Raises as Table.chunks."""
    places = {name: i for i, name in enumerate(table.columns)}
    names = places if wanted.columns is None else dict.fromkeys(wanted.columns)
    columns = [places[name] for name in names if name in places]
    head = {
        "run_id": run_id,
        "available_columns": table.columns,
        "text_columns": table.names_of_text_columns,
        "directions": table.header.directions,
        "total_rows": table.num_rows,
        "max_epoch": table.maxima.get("epoch"),
        "max_step": table.maxima.get("step"),
        "num_skipped_rows": table.num_skipped,
        "skipped_rows": [skipped._asdict() for skipped in table.skipped],
        "metrics_problem": problem,
        "attempt": table.attempt(),
        "csv_file": str(table.file),
        "last_modified": format_time(table.state.modified_ns / 1e9),
    }
    not_finite = _NotFinite()
    text, num_rows = json.dumps(head)[:-1].encode() + b', "data": [', 0
    for chunk in _chosen(table, columns, wanted):
        text += chunk.encoded(columns)[0 if num_rows else 1 :]
        not_finite.add(chunk.non_finite(columns), num_rows)
        num_rows += len(chunk)
        if len(text) >= CHUNK_BYTES:
            yield text
            text = b""
    yield text + b'], "non_finite": {' + b", ".join(not_finite.encoded()) + b"}}"


def _chosen(table: Table, columns: Sequence[int], wanted: WantedRows) -> Iterator[Chunk]:
    if wanted.max_points is None:
        yield from (chunk for _, chunk in table.chunks(wanted.since_row))
        return
    rows = choose(table, wanted.since_row, columns, wanted.max_points)
    for start, chunk in table.chunks(wanted.since_row):
        in_chunk = rows[bisect_left(rows, start) : bisect_left(rows, start + len(chunk))]
        if in_chunk:
            yield chunk.only([row - start for row in in_chunk])


class _NotFinite:
    """Where values are not finite, by column and kind. That may be millions of rows of a column."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, array[int]]] = {}

    def add(self, more: NonFinite, rows_before: int) -> None:
        for column, kinds in more.items():
            for kind, rows in kinds.items():
                known = self._found.setdefault(column, {}).setdefault(kind, array("Q"))
                known.extend(rows_before + row for row in rows)

    def encoded(self) -> Iterator[bytes]:
        for column, kinds in self._found.items():
            members = (b'"%b": %b' % (kind.encode(), orjson.dumps(rows.tolist())) for kind, rows in kinds.items())
            yield b"%b: {%b}" % (json.dumps(column).encode(), b", ".join(members))
