"""Read the log of a run while its program writes it: any range as text, or each new byte once, in order."""

from __future__ import annotations

import os
from dataclasses import dataclass

from trainer.runfile import RunFile

MAX_UTF8_BYTES = 4


@dataclass(frozen=True)
class LogChunk:
    """The bytes [offset, next_offset) of a log as text. Bytes that are not UTF-8 appear as U+FFFD."""

    offset: int
    next_offset: int
    size: int
    text: str


def read_log(file: RunFile, offset: int, limit: int, is_final: bool = True) -> LogChunk:
    """Read about `limit` bytes from `offset` (below 0: counted from the end) without splitting a character.

    Consecutive chunks joined give the whole text. Unless `is_final`, an incomplete character at the end of the file
    waits for the next call. A missing file counts as empty.
    """
    try:
        with file.open() as opened:
            size = os.fstat(opened.fileno()).st_size
            start = min(offset, size) if offset >= 0 else _first_character(opened.fileno(), max(0, size + offset))
            data = os.pread(opened.fileno(), limit + MAX_UTF8_BYTES, start)
    except OSError:
        return LogChunk(0, 0, 0, "")
    end = len(data)
    if end > limit:
        # If the limit is smaller than the first character, return that character, so that a reader makes progress.
        end = limit - _unfinished_bytes(data[:limit]) or _character_length(data[0])
    elif not is_final:
        end -= _unfinished_bytes(data)
    return LogChunk(start, start + end, size, data[:end].decode("utf-8", errors="replace"))


def first_line(file: RunFile, offset: int, end: int) -> int:
    """Move an offset forward to where a line begins, or to where a character begins if no line begins before `end`."""
    try:
        with file.open() as opened:
            if offset == 0 or os.pread(opened.fileno(), 1, offset - 1) == b"\n":
                return offset
            ahead = os.pread(opened.fileno(), max(0, end - offset), offset)
            newline = ahead.find(b"\n") + 1
            return offset + newline if 0 < newline < len(ahead) else _first_character(opened.fileno(), offset)
    except OSError:
        return 0


def _first_character(descriptor: int, offset: int) -> int:
    ahead = os.pread(descriptor, MAX_UTF8_BYTES - 1, offset) if offset else b""
    return offset + next((i for i, byte in enumerate(ahead) if byte & 0xC0 != 0x80), len(ahead))


def _unfinished_bytes(data: bytes) -> int:
    """Count the bytes of an incomplete character at the end."""
    for back in range(1, min(MAX_UTF8_BYTES, len(data) + 1)):
        byte = data[-back]
        if byte & 0xC0 != 0x80:
            return back if _character_length(byte) > back else 0
    return 0


def _character_length(lead: int) -> int:
    return 4 if lead >= 0xF0 else 3 if lead >= 0xE0 else 2 if lead >= 0xC0 else 1


class LogTail:
    """Return each byte of a growing log once, as text. Start again when the program starts the log again.

    The position is a byte offset. If the log is shorter, it was truncated, for example by logrotate with copytruncate.
    """

    CHUNK_BYTES = 64 * 1024
    MAX_CHUNKS_PER_READ = 16

    def __init__(self) -> None:
        self.offset = 0
        self.num_restarts = 0
        """How often the log was started again."""

    def skip_to_end(self, file: RunFile, is_final: bool) -> None:
        """Skip what the log holds, up to the last complete character."""
        self.offset = read_log(file, -2 * MAX_UTF8_BYTES, 2 * MAX_UTF8_BYTES, is_final).next_offset

    def read_new(self, file: RunFile, is_final: bool = False) -> list[LogChunk]:
        """Return what is new in chunks of 64 KiB.

        If more than 1 MiB is new, return only the last chunk. Its offset shows the gap, and followers fetch the rest
        when they need it. So a program that floods its log costs bounded memory. `is_final`: the log is no
        longer written, so an incomplete last character counts too.
        """
        chunks: list[LogChunk] = []
        while True:
            chunk = read_log(file, self.offset, self.CHUNK_BYTES, is_final)
            if chunk.size < self.offset and file.exists():
                self.offset, self.num_restarts = 0, self.num_restarts + 1
                continue
            if chunk.size - self.offset > self.CHUNK_BYTES * self.MAX_CHUNKS_PER_READ:
                chunk = read_log(file, -self.CHUNK_BYTES, self.CHUNK_BYTES, is_final)
            if chunk.next_offset <= self.offset:
                return chunks
            self.offset = chunk.next_offset
            chunks.append(chunk)
            if len(chunks) == self.MAX_CHUNKS_PER_READ:
                return chunks
