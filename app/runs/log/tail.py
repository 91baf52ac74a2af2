"""The log of a run, which another process writes: pieces of it as text, and what is new, once, in order."""

from __future__ import annotations

import os
from dataclasses import dataclass

from trainer.runfile import RunFile

MAX_UTF8_BYTES = 4


@dataclass(frozen=True)
class LogChunk:
    """The bytes [offset, next_offset) of a log as text; bytes that are no UTF-8 appear as U+FFFD."""

    offset: int
    next_offset: int
    size: int
    text: str


def read_log(file: RunFile, offset: int, limit: int, is_final: bool = True) -> LogChunk:
    """Read at most about `limit` bytes from `offset` (below 0: counted from the end) without splitting a character.

    A cut lies between two characters, so pieces joined give the whole text. Unless `is_final`, a character that is
    still incomplete at the file's end is left for the next call. A missing file is an empty one.
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
        # A limit smaller than the first character must not keep a reader on the spot for ever.
        end = limit - _unfinished_bytes(data[:limit]) or _character_length(data[0])
    elif not is_final:
        end -= _unfinished_bytes(data)
    return LogChunk(start, start + end, size, data[:end].decode("utf-8", errors="replace"))


def first_line(file: RunFile, offset: int, end: int) -> int:
    """Move an offset in the log forward to where a line begins, or, if none does before `end`, a character."""
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
    """Count the bytes at the end that begin a character without ending it."""
    for back in range(1, min(MAX_UTF8_BYTES, len(data) + 1)):
        byte = data[-back]
        if byte & 0xC0 != 0x80:
            return back if _character_length(byte) > back else 0
    return 0


def _character_length(lead: int) -> int:
    return 4 if lead >= 0xF0 else 3 if lead >= 0xE0 else 2 if lead >= 0xC0 else 1


class LogTail:
    """Yield each byte of a growing log once, as text, and begin again when the log was begun anew.

    The position is a byte offset. A log that is shorter than that was cut, as by logrotate's copytruncate.
    """

    CHUNK_BYTES = 64 * 1024
    MAX_CHUNKS_PER_READ = 16

    def __init__(self, offset: int = 0) -> None:
        self.offset = offset
        self.num_restarts = 0
        """How often the log was begun anew."""

    def skip_to_end(self, file: RunFile, is_final: bool) -> None:
        """Take what is there as read, up to the last whole character."""
        self.offset = read_log(file, -2 * MAX_UTF8_BYTES, 2 * MAX_UTF8_BYTES, is_final).next_offset

    def read_new(self, file: RunFile, is_final: bool = False) -> list[LogChunk]:
        """Return what is new in chunks of 64 KiB.

        At most 1 MiB at a time; of more than that only the last chunk, its offset telling of the gap. So a program
        that floods its log costs bounded memory, and followers fetch the rest when they like. `is_final`: nobody
        writes any more, so even an incomplete last character is handed out.
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
