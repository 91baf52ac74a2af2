"""The header of a metrics CSV: the names of the columns and the notation of the rows."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from trainer.experiment.direction import Direction, directions
from trainer.experiment.logpattern import COUNTERS
from trainer.experiment.outputs import MetricsOutput

MAX_HEADER_BYTES = 256 * 1024
"""Each chunk of rows names its columns again to every follower."""
MAX_COLUMNS = 10_000
"""With more, parsing and encoding a single row would delay other requests."""
DELIMITERS = (",", ";", "\t")
NOTHING_DECLARED = MetricsOutput()

_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1a\x1c-\x1f]")
_HEADER = re.compile(
    rb"""
    (?P<comments> (?: \xef\xbb\xbf )? (?: [\r\n]* \# [^\n]* \n )* )
    [\r\n]* (?P<line> (?! (?: \xef\xbb\xbf )? \# ) [^\r\n] [^\n]* \n )
    """,
    re.VERBOSE,
)
"""A byte order mark, comments, and a line that is not one."""
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Header:
    """The header as `read_header` finds it. The names in `columns` are unique and not empty, and the declared ones."""

    written: bytes
    """The bytes of the file up to the end of the header."""
    columns: list[str]
    delimiter: str
    better: Mapping[str, Direction] = field(default_factory=dict, repr=False)
    """The directions that the experiment declares, by column."""

    @property
    def has_decimal_comma(self) -> bool:
        """Spreadsheets separate cells by semicolons if the decimal separator is a comma: `1,5;2,5`."""
        return self.delimiter == ";"

    @cached_property
    def counters(self) -> list[tuple[int, str]]:
        """Index and name of each counter."""
        return [(i, name) for i, name in enumerate(self.columns) if name in COUNTERS]

    @cached_property
    def words(self) -> frozenset[str]:
        """The names in lower case that are not numbers. They tell another header from a row."""
        return frozenset(name.lower() for name in self.columns if not _is_number(name))

    @cached_property
    def directions(self) -> dict[str, Direction]:
        """Whether lower or higher is better, for each column whose direction is known."""
        return directions(self.columns, self.better)

    @classmethod
    def parse(cls, written: bytes, declared: MetricsOutput = NOTHING_DECLARED) -> Header:
        """`declared` has other names for columns, and directions. Raises ValueError and csv.Error.

        Columns without a name, and those of the same name, are declared by the names that they get here. A counter in
        other letters, such as Epoch, gets its usual name.
        """
        if written.startswith(_UTF_16_MARKS):
            raise ValueError("it is UTF-16. Write it as UTF-8")
        text = written.decode("utf-8-sig", errors="replace").replace("\0", "").strip("\r\n")
        text = text.rpartition("\n")[2].removeprefix("#").strip("\r")
        if _CONTROL.search(text):
            raise ValueError("it is not text. Write metrics as CSV or JSON lines")
        delimiter = max(DELIMITERS, key=text.count)
        names = [name.strip() for name in next(csv.reader([text], delimiter=delimiter, skipinitialspace=True), [])]
        while names and not names[-1]:
            names.pop()  # The line ends with a delimiter.
        if len(names) > MAX_COLUMNS:
            raise ValueError(f"its header has {len(names):,} columns, more than {MAX_COLUMNS:,}")
        if all(map(_is_number, names)) and not all(map(str.isdigit, names)):
            raise ValueError("its first line has numbers. Write a header first, such as epoch,train/loss")
        names = _unique(names)
        renamed = [place for place, name in enumerate(names) if name in declared.columns]
        names = [declared.columns.get(name, name) for name in names]
        names = [name.lower() if name.lower() in COUNTERS else name for name in names]
        return cls(written, _unique(names, renamed), delimiter, declared.better)


def read_header(descriptor: int) -> bytes:
    """Read up to the end of the header; empty while the file has none.

    The header is the first line that is neither blank nor a comment, such as after the `#{"t_start": ...}` of
    Stable-Baselines3. If that line has numbers, the header is the last comment, as numpy.savetxt writes it. Raises
    ValueError for a header that does not end within MAX_HEADER_BYTES.
    """
    size = 4096
    while True:
        head = os.pread(descriptor, size, 0)
        if found := _HEADER.match(head):
            cells = re.split("[,;\t]", found["line"].decode("latin-1"))
            is_row = b"#" in found["comments"] and any(map(_is_number, cells))
            return head[: found.end("comments" if is_row else "line")]
        if len(head) < size:
            return b""
        if size >= MAX_HEADER_BYTES:
            raise ValueError("its header is longer than 256 KiB")
        size *= 4


def _is_number(name: str) -> bool:
    try:
        float(name.replace(",", "."))
    except ValueError:
        return False
    return True


def _unique(names: Sequence[str], first: Iterable[int] = ()) -> list[str]:
    """Give every column a unique name: by its place if it has no name, and as pandas does (`loss.1`) if it is taken.

    The columns at the places `first` choose first.
    """
    unique: dict[str, int] = {}
    last_numbers: dict[str, int] = {}
    for place in dict.fromkeys([*first, *range(len(names))]):
        base = free = names[place] or f"column {place + 1}"
        while free in unique:
            last_numbers[base] = number = last_numbers.get(base, 0) + 1
            free = f"{base}.{number}"
        unique[free] = place
    return sorted(unique, key=unique.__getitem__)
