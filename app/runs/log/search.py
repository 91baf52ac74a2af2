"""Look for a text in a log of any length, a chunk at a time."""

from __future__ import annotations

import os
import re
from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate

from trainer.runfile import RunFile

MAX_LINES = 10_000
MAX_INSPECTED = 50_000
"""Lines looked at in one search: those that hold the text, also where a later `\\r` overwrote it."""
CHUNK_BYTES = 256 * 1024
"""Searched in one go, so that no other thread waits for longer than some milliseconds."""
MAX_LINE_BYTES = 1024 * 1024
"""A longer line is cut for the search, so that a file without any newline is searched in bounded memory too."""

_ESCAPE = re.compile(rb"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\\\)|[@-Z\\\\^_])")
"""None contains a newline, so a text without escapes has the same lines."""


@dataclass(frozen=True)
class LogMatches:
    """The lines that hold a text among those that begin in [offset, next_offset), each by its first byte's offset."""

    offset: int
    next_offset: int
    size: int
    lines: list[int]


def search_log(file: RunFile, text: str, offset: int, limit: int) -> LogMatches:
    """Search the lines from `offset`, where one begins, through about `limit` bytes, for `text`.

    ASCII letters match in either case. Escape sequences are not text, nor is what a `\\r` overwrote. A missing file
    is empty. The search ends at a line's end, so one that continues at `next_offset` misses none. It ends early after
    10,000 matching lines, or after it looked closely at some 50,000.
    """
    needle = text.encode(errors="replace").lower()
    lines: list[int] = []
    num_inspected, position = 0, offset
    try:
        with file.open() as opened:
            size = os.fstat(opened.fileno()).st_size
            end = min(offset + limit, size)
            while position < end and len(lines) < MAX_LINES and num_inspected < MAX_INSPECTED:
                chunk = _read_lines(opened.fileno(), position, min(CHUNK_BYTES, end - position))
                found = _search(chunk, needle, MAX_LINES - len(lines))
                lines += [position + start for start in found.starts]
                num_inspected += found.num_inspected
                position = position + found.num_bytes if chunk else size
    except OSError:
        return LogMatches(0, 0, 0, [])
    return LogMatches(min(offset, size), min(position, size), size, lines)


def _read_lines(descriptor: int, start: int, num_bytes: int) -> bytes:
    """Read that many bytes, and then to the end of the line."""
    data = os.pread(descriptor, num_bytes, start)
    if len(data) < num_bytes or data.endswith(b"\n"):
        return data
    rest = os.pread(descriptor, MAX_LINE_BYTES, start + num_bytes)
    return data + rest[: rest.find(b"\n") + 1 or len(rest)]


@dataclass(frozen=True)
class _Found:
    starts: list[int]
    num_bytes: int
    num_inspected: int


def _search(chunk: bytes, needle: bytes, max_lines: int) -> _Found:
    """Find where in the chunk the lines begin that show the needle, and how much of it was searched."""
    shown = (_ESCAPE.sub(b"", chunk) if b"\x1b" in chunk else chunk).lower()
    at, num_inspected = shown.find(needle), 0
    if at < 0:
        return _Found([], len(chunk), 0)
    starts: list[int] = []
    begins, shown_begins = _line_begins(chunk), _line_begins(shown)
    while at >= 0:
        line = bisect(shown_begins, at)
        num_inspected += 1
        if needle in shown[shown_begins[line - 1] : shown_begins[line]].rstrip(b"\r\n").rpartition(b"\r")[2]:
            starts.append(begins[line - 1])
            if len(starts) == max_lines:
                return _Found(starts, begins[line], num_inspected)
        at = shown.find(needle, shown_begins[line])
    return _Found(starts, len(chunk), num_inspected)


def _line_begins(text: bytes) -> list[int]:
    """Where the lines begin, and where one after the last would."""
    return list(accumulate((len(line) + 1 for line in text.split(b"\n")), initial=0))
