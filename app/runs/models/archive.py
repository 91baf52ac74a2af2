"""Pack files into a zip archive while sending it, without a copy on disk or in memory."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from zipfile import ZipFile, ZipInfo

from app.runs.models.steady import SteadyFile

CHUNK_BYTES = 128 * 1024
_EARLIEST, _LATEST = 4e8, 4e9
"""A zip archive holds only times from 1980 to 2107."""


class _Sink:
    """The bytes of the archive that are not sent yet."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, chunk: bytes) -> int:
        self._chunks.append(bytes(chunk))
        return len(chunk)

    def flush(self) -> None:
        """Nothing is buffered here."""

    def take(self) -> bytes:
        content, self._chunks = b"".join(self._chunks), []
        return content


def archive(files: Mapping[str, SteadyFile]) -> Generator[bytes, None, None]:
    """Yield an archive of the files in chunks, uncompressed: weights hardly shrink. Raises Changed and OSError."""
    sink = _Sink()
    with ZipFile(sink, "w") as packed:  # type: ignore[call-overload]  # It needs only write and flush.
        for name, file in files.items():
            with packed.open(_entry(name, file), "w") as target:
                while chunk := file.read(CHUNK_BYTES):
                    target.write(chunk)
                    yield sink.take()
    yield sink.take()


def _entry(name: str, file: SteadyFile) -> ZipInfo:
    modified = time.localtime(min(max(file.state.st_mtime, _EARLIEST), _LATEST))
    entry = ZipInfo(name, modified[:6])
    entry.file_size = file.state.st_size  # A file of 4 GiB or more needs another header.
    entry.external_attr = 0o644 << 16
    return entry
