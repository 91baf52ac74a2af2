"""The interface of a source of rows, such as a file of JSON lines or a log with patterns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from trainer.runfile import RunFile

Value = float | int | str
Row = dict[str, Value]
"""The values of a row by the name of their column. The reader of metrics tells texts from numbers."""
Position = dict[str, Any]
"""Where a source continues: a JSON object that only the source understands. `{}` is the start."""


class Restarted(Exception):
    """The program restarted the source, so everything read from it is obsolete."""


@dataclass(frozen=True)
class Reading:
    """The result of one read. `position` is where the next one continues.

    `is_whole`: it reached the end of what is written. `problem` tells people what could not be read.
    """

    rows: list[Row]
    position: Position
    is_whole: bool
    problem: str | None = None


class Source(Protocol):
    """A file whose rows are collected.

    A source keeps no state. The position holds all that it needs to continue, and outlives every process.
    """

    @property
    def name(self) -> str:
        """Identify the source within its run, always by the same name. Also the prefix for names that sources share."""

    @property
    def file(self) -> RunFile:
        """The file to watch for changes."""

    def read_new(self, position: Position, is_final: bool) -> Reading:
        """Read at most a few hundred KiB after a position, so that a call is short.

        `is_final`: the file is no longer written, so an unfinished last line counts. Raises Restarted, and OSError if
        the file cannot be read.
        """
