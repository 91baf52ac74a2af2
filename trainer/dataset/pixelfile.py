"""A file of decoded images, written atomically, verified when it is opened, and mapped into memory.

It holds the pixels of all images, then a CRC-32 of each image (little-endian), then a digest of the key and the CRCs.
The key identifies the source of the pixels. A file with another key counts as damaged.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.dataset.threads import OnProgress, in_threads

Shape = tuple[int, int, int, int]
"""Images, channels, height, width."""

_CRC = np.dtype("<u4")
_DIGEST_BYTES = 16


class PixelFileDamaged(ValueError):
    """The file does not hold what was written to it."""


class PixelFile:
    """A file that is open for reading. It has a shared lock for the life of this object, which shows that it is in use.

    A loader process that unpickles this object opens the file again.
    """

    def __init__(self, path: Path, key: bytes, shape: Shape) -> None:
        """Check the size and the digest. Raises OSError, PixelFileDamaged. `check` verifies the pixels too."""
        self._path, self._key, self._shape = path, key, shape
        with open(path, "rb") as file:
            fcntl.flock(
                file, fcntl.LOCK_SH
            )  # It stays locked, because the mapping keeps a duplicate of the descriptor.
            if os.fstat(file.fileno()).st_size != file_bytes(shape):
                raise PixelFileDamaged(f"wrong size: {path}")
            self._pixels = np.memmap(file, np.uint8, "r", shape=shape)
            end = os.pread(file.fileno(), file_bytes(shape), self._pixels.nbytes)
        self._crcs = np.frombuffer(end[:-_DIGEST_BYTES], _CRC)
        if end != _end(key, self._crcs):
            raise PixelFileDamaged(f"wrong digest: {path}")

    def __reduce__(self) -> tuple[type[PixelFile], tuple[Path, bytes, Shape]]:
        return PixelFile, (self._path, self._key, self._shape)

    def check(self, on_progress: OnProgress) -> None:
        """Verify every image, which also loads them into the page cache. Raises PixelFileDamaged."""
        if (
            in_threads(lambda index: zlib.crc32(self._pixels[index].data), self._shape[0], on_progress)
            != self._crcs.tolist()
        ):
            raise PixelFileDamaged(f"wrong checksum of an image: {self._path}")

    def take(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        """Return a copy of the images: (len(indices), C, H, W)."""
        return self._pixels[list(indices)]


def write(
    path: Path, key: bytes, shape: Shape, pixels: Callable[[int], NDArray[np.uint8]], on_progress: OnProgress
) -> None:
    """Write a file of the images `pixels(index)`, each (C, H, W), which several threads ask for.

    The file appears at `path` in one step. An error of the disk or of `pixels` leaves no file behind. The file is not
    flushed to disk: after a power cut, opening it finds the damage.
    """
    temporary = path.with_suffix(".part")
    image_bytes = shape[1] * shape[2] * shape[3]
    try:
        with open(temporary, "wb") as file:
            _reserve(file.fileno(), file_bytes(shape))

            def put(index: int) -> int:
                image = pixels(index).tobytes()
                _write_at(file.fileno(), memoryview(image), index * image_bytes)
                return zlib.crc32(image)

            crcs = np.array(in_threads(put, shape[0], on_progress), _CRC)
            _write_at(file.fileno(), memoryview(_end(key, crcs)), shape[0] * image_bytes)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def file_bytes(shape: Shape) -> int:
    """Return the size of a file of these images."""
    count, channels, height, width = shape
    return count * (channels * height * width + _CRC.itemsize) + _DIGEST_BYTES


def _end(key: bytes, crcs: NDArray[np.uint32]) -> bytes:
    return crcs.tobytes() + hashlib.blake2b(key + crcs.tobytes(), digest_size=_DIGEST_BYTES).digest()


def _reserve(descriptor: int, size: int) -> None:
    """Reserve the blocks, so that a full disk raises OSError now and not after an hour of decoding."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except AttributeError:  # macOS has no such call.
        pass
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # The file system cannot reserve blocks.
            raise


def _write_at(descriptor: int, content: memoryview, offset: int) -> None:
    while content:
        written = os.pwrite(descriptor, content, offset)
        content, offset = content[written:], offset + written
