"""Look for a text in a log of any length, a stretch at a time."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_LINES = 10_000
MAX_LINE_BYTES = 1024 * 1024
"""A longer line is cut for the search; so a file without any newline is searched in bounded memory too."""

_ESCAPE = re.compile(rb"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\\\)|[@-Z\\\\^_])")


@dataclass(frozen=True)
class LogMatches:
    """The lines that hold a text among those that begin in [offset, next_offset), each by its first byte's offset."""

    offset: int
    next_offset: int
    size: int
    lines: list[int]


def search_log(path: Path, text: str, offset: int, limit: int) -> LogMatches:
    """Search the lines from `offset`, where one begins, through about `limit` bytes, for `text`, letters of ASCII in
    either case. Escape sequences do not count as text, nor what a `\\r` let be overwritten. A missing file is empty.

    It ends where a line ends, so a search that goes on at `next_offset` misses none. After 10,000 lines it ends early.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = os.pread(file.fileno(), limit, offset)
            if len(data) == limit:
                rest = os.pread(file.fileno(), MAX_LINE_BYTES, offset + limit)
                data += rest[: rest.find(b"\n") + 1 or len(rest)]
    except OSError:
        return LogMatches(0, 0, 0, [])
    needle = text.encode(errors="replace").lower()
    lines: list[int] = []
    for start, end in _candidates(data, needle):
        if needle in _shown(data[start:end]).lower():
            lines.append(offset + start)
            if len(lines) == MAX_LINES:
                return LogMatches(offset, offset + end, size, lines)
    return LogMatches(min(offset, size), offset + len(data) if data else size, size, lines)


def _candidates(data: bytes, needle: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of each line that may hold the text: where there are no escapes, only those that do."""
    folded, is_plain, start = data.lower(), b"\x1b" not in data, 0
    while start < len(data):
        if is_plain:
            found = folded.find(needle, start)
            if found < 0:
                return
            start = folded.rfind(b"\n", start, found) + 1 or start
        end = data.find(b"\n", start) + 1 or len(data)
        yield start, end
        start = end


def _shown(line: bytes) -> bytes:
    """Leave out what a terminal does not show (any more)."""
    return _ESCAPE.sub(b"", line).rstrip(b"\r\n").rpartition(b"\r")[2]
