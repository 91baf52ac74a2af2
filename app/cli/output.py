"""What `training` prints: text and tables for people, JSON for programs, errors on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

WITHOUT_TERMINAL = 10_000
"""The width of a table in a file or a pipe, so that nothing is cut off."""


class Output:
    """Where a command prints, as JSON if `is_json`. Colours and bars are for terminals only."""

    def __init__(self, is_json: bool) -> None:
        self.is_json = is_json
        is_terminal = sys.stdout.isatty()
        self.console = Console(highlight=False, markup=False, width=None if is_terminal else WITHOUT_TERMINAL)

    @property
    def is_terminal(self) -> bool:
        return self.console.is_terminal and not self.console.is_dumb_terminal

    def json(self, content: Any) -> None:
        """Print one JSON document on one line. NaN and infinities become null, as in the answers of REST."""
        click.echo(orjson.dumps(content).decode())

    def answer(self, content: Any, text: str) -> None:
        """Print an answer of the service as JSON, or what it means for people."""
        if self.is_json:
            self.json(content)
        else:
            self.line(text)

    def line(self, text: str) -> None:
        click.echo(printable(text))

    def note(self, text: str) -> None:
        """Print something other than a result, to stderr."""
        click.echo(printable(text), err=True)

    def error(self, message: str, body: Mapping[str, Any] | None = None) -> None:
        """Print an error: on stdout as JSON, or its message on stderr."""
        if self.is_json:
            self.json(body or {"message": message})
        else:
            self.note(f"Error: {message}")

    def answer_in_table(
        self, content: Any, header: Iterable[str], rows: Iterable[Iterable[object]], empty: str, last_line: str = ""
    ) -> None:
        """Print an answer of the service as JSON, or its rows under a header. Without rows print `empty`."""
        lines = [[_cell(value) for value in row] for row in rows]
        if self.is_json:
            self.json(content)
        elif lines:
            self._table(header, lines)
        else:
            self.line(empty)
        if last_line and not self.is_json:
            self.line(last_line)

    def _table(self, header: Iterable[str], lines: list[list[Text]]) -> None:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in header:
            table.add_column(name, overflow="fold")
        for line in lines:
            table.add_row(*line)
        with self.console.capture() as capture:
            self.console.print(table)
        for text in capture.get().splitlines():
            click.echo(text.rstrip(), color=True)

    def flush(self) -> None:
        """Raises BrokenPipeError if the reader has closed the output."""
        sys.stdout.flush()

    def discard(self) -> None:
        """Discard what is left, so that Python's flush at exit does not fail."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def printable(text: str) -> str:
    """Replace the characters that could control the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


def number(value: float | None) -> str:
    """Format a metric with at most five significant digits."""
    return "" if value is None else f"{value:.5g}"


def duration(seconds: float | None) -> str:
    """Format seconds as 1:02:03 or 2:03."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _cell(value: object) -> Text:
    return Text(printable("" if value is None else str(value)))
