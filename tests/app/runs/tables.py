"""Metrics tables that a test writes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from app.runs.metrics.chunk import Row
from app.runs.metrics.inspection import inspect
from app.runs.metrics.table import Table
from trainer.runfile import RunFile


def table(folder: Path, text: str) -> Table:
    path = folder / "metrics.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return inspect(RunFile.alone(path))


def line_of(row: list[Any]) -> str:
    return ",".join("" if value is None else str(value) for value in row) + "\r\n"


def table_of(folder: Path, columns: list[str], rows: Iterable[list[Any]]) -> Table:
    return table(folder, "".join(map(line_of, [columns, *rows])))


def rows_of(table: Table, since_row: int = 0) -> list[Row]:
    return [row for _, chunk in table.chunks(since_row) for row in chunk.rows]
