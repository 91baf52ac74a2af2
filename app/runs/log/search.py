"""Search a log of any length for a text, one chunk at a time."""

from __future__ import annotations

import os
from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate

from app.runs.log.escapes import ESCAPE
from trainer.runfile import RunFile

MAX_LINES = 10_000
MAX_INSPECTED = 50_000
"""Candidates checked in one search: lines with the text, even if a later `\\r` overwrote it."""
CHUNK_BYTES = 256 * 1024
"""Bytes searched at once, so that other threads wait only some milliseconds."""
MAX_LINE_BYTES = 1024 * 1024
"""The search cuts longer lines, so that a file without newlines needs bounded memory."""


@dataclass(frozen=True)
class LogMatches:
    """Matches among the lines that begin in [offset, next_offset). `lines` are the offsets of their first bytes."""

    offset: int
    next_offset: int
    size: int
    lines: list[int]


def search_log(file: RunFile, text: str, offset: int, limit: int) -> LogMatches:
    """Search about `limit` bytes for `text`. `offset` is where a line begins.

    ASCII letters match in either case. Escape sequences, and text that a `\\r` overwrote, do not match. A missing file
    counts as empty. The search stops at the end of a line, so the next one at `next_offset` misses no line. It stops
    early after 10,000 matches or about 50,000 candidates.
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
    """Read that many bytes, plus the rest of the last line."""
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
    """Find where the matching lines of a chunk begin, and return how many bytes were searched."""
    shown = (ESCAPE.sub(b"", chunk) if b"\x1b" in chunk else chunk).lower()
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
    """Return where the lines begin, and where a line after the last would begin."""
    return list(accumulate((len(line) + 1 for line in text.split(b"\n")), initial=0))
