"""What the program of a `command` leaves behind: its metrics, its log and its models. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

from marshmallow.validate import Length

from trainer.experiment.direction import Direction, direction
from trainer.experiment.logpattern import LogPattern, PatternInvalid
from trainer.experiment.schema import parameter

MAX_ENTRIES = 100
MAX_TEXT_CHARS = 1_000


def _at_most() -> Length:
    return Length(max=MAX_ENTRIES, error=f"must have at most {MAX_ENTRIES} entries")


@dataclass(frozen=True)
class MetricsOutput:
    """Where a command's metrics are, under which names they are shown, and which values are better.

    Without `files` the service looks in the usual places.
    """

    files: tuple[str, ...] = parameter(
        (),
        _at_most(),
        doc="paths or globs below output/: tables (CSV with commas, semicolons or tabs) or JSON lines",
    )
    columns: dict[str, str] = parameter({}, _at_most(), doc="new names of columns, by the name in the file")
    better: dict[str, Direction] = parameter(
        {},
        _at_most(),
        doc="lower or higher, by the metric's shown name. Only needed if the name does not show it",
    )
    monitor: str | None = parameter(
        None, doc="the metric whose best value is shown first, by its shown name. null = the service chooses"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        yield from _path_problems(self.files)
        for name, number in Counter(self.columns.values()).items():
            if number > 1:
                yield "columns", f'"{name}" is the new name of {number} columns; each needs its own'
        yield from (("columns", "a new name must not be empty") for name in self.columns.values() if not name.strip())
        if self.monitor is not None and direction(self.monitor, self.better) is None:
            yield "monitor", f'must have a direction; add "{self.monitor}" to better, with lower or higher'


@dataclass(frozen=True)
class LogOutput:
    """What the service reads in a command's log."""

    patterns: tuple[str, ...] = parameter(
        (),
        _at_most(),
        doc="regular expressions (RE2). Each line that one of them matches becomes a row of metrics: a named group"
        " such as (?P<train_loss>...) is a column. A _ after train, val or test becomes a /",
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        for index, pattern in enumerate(self.patterns):
            if problem := _pattern_problem(pattern):
                yield f"patterns.{index}", problem


@dataclass(frozen=True)
class ModelsOutput:
    """Which files of a command are models."""

    files: tuple[str, ...] = parameter(
        ("**/*.onnx",),
        _at_most(),
        doc="paths or globs below output/, such as weights/*.pt. They are listed and can be downloaded. Files of the"
        " first glob come first. A JSON file beside a model, with the same name, is its card",
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        return _path_problems(self.files)


def _path_problems(files: Sequence[str]) -> Iterator[tuple[str, str]]:
    for index, file in enumerate(files):
        if problem := _path_problem(file):
            yield f"files.{index}", problem


def _path_problem(file: str) -> str | None:
    if file.startswith(("{output_dir}", "{run_dir}")):
        return "is already relative to output/; leave the placeholder out"
    if not file.strip() or len(file) > MAX_TEXT_CHARS:
        return f"must have from 1 to {MAX_TEXT_CHARS:,} characters"
    path = PurePosixPath(file)
    if not path.parts or path.is_absolute() or ".." in path.parts or path.parts[0] == "~":
        return "must be a path or a glob below output/, such as metrics.csv or logs/*.csv"
    if any("**" in part and part != "**" for part in path.parts):
        return "must have ** only as a whole folder, such as **/*.csv"
    return None


@lru_cache(1000)  # The service reads what a run declares many times a second, and to compile a pattern takes 0.1 ms.
def _pattern_problem(pattern: str) -> str | None:
    if len(pattern) > MAX_TEXT_CHARS:
        return f"must have at most {MAX_TEXT_CHARS:,} characters"
    try:
        LogPattern(pattern)
    except PatternInvalid as error:
        return str(error)
    return None
