"""What the collector reads: a source of rows, such as a file of JSON lines or a log with patterns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from trainer.runfile import RunFile

Value = float | int | str
Row = dict[str, Value]
"""The values of a row by the name of their column. The reader of metrics tells texts from numbers."""
Position = dict[str, Any]
"""Where a source continues, as a JSON object that only the source understands. `{}` is the start."""


class Restarted(Exception):
    """The program started the source again, so nothing that was read from it counts any more."""


@dataclass(frozen=True)
class Reading:
    """What a source read at once. `position` is where it continues.

    `is_whole` says that it reached the end of what is written. `problem` says, for people, what it could not read.
    """

    rows: list[Row]
    position: Position
    is_whole: bool
    problem: str | None = None


class Source(Protocol):
    """A file whose rows are collected.

    A source remembers nothing. All that it needs for going on is in the position, which outlives every process.
    """

    @property
    def name(self) -> str:
        """Identify the source within its run, the same at any time. Also the prefix of names that two sources use."""

    @property
    def file(self) -> RunFile:
        """The file to watch for changes."""

    def read_new(self, position: Position, is_final: bool) -> Reading:
        """Read on from a position, a few hundred KiB at most, so that nobody waits for long.

        `is_final` means that nobody writes any more, so an unfinished last line counts. Raises Restarted, and OSError
        if the file cannot be read.
        """
