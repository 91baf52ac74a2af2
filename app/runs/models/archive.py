"""Pack files into a zip archive while it is sent, without a copy on disk or in memory."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from zipfile import ZipFile, ZipInfo

from app.runs.models.steady import SteadyFile

PIECE_BYTES = 128 * 1024
_EARLIEST, _LATEST = 4e8, 4e9
"""An archive knows no time before 1980 or after 2107."""


class _Sink:
    """What was written to the archive and not yet sent."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing waits here."""

    def take(self) -> bytes:
        content, self._pieces = b"".join(self._pieces), []
        return content


def archive(files: Mapping[str, SteadyFile]) -> Generator[bytes, None, None]:
    """Yield an archive of the files piece by piece, uncompressed: weights hardly shrink. Raises Changed and OSError."""
    sink = _Sink()
    with ZipFile(sink, "w") as packed:  # type: ignore[call-overload]  # It needs no more than write and flush.
        for name, file in files.items():
            with packed.open(_entry(name, file), "w") as target:
                while piece := file.read(PIECE_BYTES):
                    target.write(piece)
                    yield sink.take()
    yield sink.take()


def _entry(name: str, file: SteadyFile) -> ZipInfo:
    modified = time.localtime(min(max(file.state.st_mtime, _EARLIEST), _LATEST))
    entry = ZipInfo(name, modified[:6])
    entry.file_size = file.state.st_size  # From 4 GiB on it needs another header.
    entry.external_attr = 0o644 << 16
    return entry
