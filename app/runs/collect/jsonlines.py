"""Rows from a file with one JSON object per line."""

from __future__ import annotations

from codecs import BOM_UTF8
from dataclasses import dataclass

from app.runs.collect.jsonrows import parse_json, row_of
from app.runs.collect.lines import MAX_LINE_BYTES, read_lines
from app.runs.collect.source import Position, Reading, Row
from trainer.runfile import RunFile


@dataclass(frozen=True)
class JsonLines:
    """A file to which a program appends a JSON object per log call. Objects without a number are not rows.

    Lines that are not JSON objects are skipped. The problem counts them and names the first one.
    """

    name: str
    file: RunFile

    def read_new(self, position: Position, is_final: bool) -> Reading:
        read = read_lines(self.file, position.get("lines", {}), is_final)
        rows, wrong = [], list(position.get("wrong", [0, 0]))
        for number, line in enumerate(read.lines, read.number):
            try:
                if row := _row(line):
                    rows.append(row)
            except ValueError:
                wrong = [wrong[0] + 1, wrong[1] or number]
        new = {"lines": read.position, "wrong": wrong}
        return Reading(rows, new, read.is_whole, _problem(wrong[0], wrong[1], read.num_too_long))


def _row(line: bytes) -> Row:
    """Return the row of a line, empty for a blank line. Raises ValueError if it is not a JSON object."""
    text = line.removeprefix(BOM_UTF8).strip()
    content = parse_json(text) if text else {}
    if not isinstance(content, dict):
        raise ValueError
    return row_of(content)


def _problem(num_wrong: int, first_wrong: int, num_too_long: int) -> str | None:
    problems = []
    if num_wrong:
        problems.append(f"skipped lines that are not JSON objects: {num_wrong:,}, the first in line {first_wrong}")
    if num_too_long:
        problems.append(f"skipped lines of more than {MAX_LINE_BYTES:,} bytes: {num_too_long:,}")
    return "; ".join(problems) or None
