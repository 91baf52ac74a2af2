"""A file of decoded images: made as a whole or not at all, checked when it is opened, mapped into memory.

It holds the pixels of all images, then a CRC-32 of each image (little-endian), then a digest over the key and the CRCs.
The key stands for what the pixels were made of; a file of another key is as good as damaged.
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

from trainer.dataset.threads import Tell, in_threads

Shape = tuple[int, int, int, int]
"""Images, channels, height, width."""

_CRC = np.dtype("<u4")
_DIGEST_BYTES = 16


class PixelFileDamaged(ValueError):
    """The file does not hold what was written into it."""


class PixelFile:
    """A file opened for reading: locked in shared mode for as long as this object lives, so that others know it in use.

    Pickled, for a loader process, it is opened again there.
    """

    def __init__(self, path: Path, key: bytes, shape: Shape) -> None:
        """Raises OSError where there is no such file, PixelFileDamaged by its size or its end; `check` reads all."""
        self._path, self._key, self._shape = path, key, shape
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)  # lasts: the mapping keeps a duplicate of the descriptor
            if os.fstat(file.fileno()).st_size != file_bytes(shape):
                raise PixelFileDamaged(f"not of the right size: {path}")
            self._pixels = np.memmap(file, np.uint8, "r", shape=shape)
            end = os.pread(file.fileno(), file_bytes(shape), self._pixels.nbytes)
        self._crcs = np.frombuffer(end[:-_DIGEST_BYTES], _CRC)
        if end != _end(key, self._crcs):
            raise PixelFileDamaged(f"not what was written: {path}")

    def __reduce__(self) -> tuple[type[PixelFile], tuple[Path, bytes, Shape]]:
        return PixelFile, (self._path, self._key, self._shape)

    def check(self, tell: Tell) -> None:
        """Read every image, which also brings them into the system's cache of the disk. Raises PixelFileDamaged."""
        if in_threads(lambda index: zlib.crc32(self._pixels[index].data), self._shape[0], tell) != self._crcs.tolist():
            raise PixelFileDamaged(f"not the pixels that were written: {self._path}")

    def take(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        """Copy the images: (len(indices), C, H, W)."""
        return self._pixels[list(indices)]


def write(path: Path, key: bytes, shape: Shape, pixels: Callable[[int], NDArray[np.uint8]], tell: Tell) -> None:
    """Make a file of the images `pixels(index)`, each (C, H, W), asked for by several threads.

    It appears at `path` in one step; what raises, the disk or `pixels`, leaves nothing behind. It is not flushed to the
    disk: what a power cut takes from it is noticed when it is opened.
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

            crcs = np.array(in_threads(put, shape[0], tell), _CRC)
            _write_at(file.fileno(), memoryview(_end(key, crcs)), shape[0] * image_bytes)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def file_bytes(shape: Shape) -> int:
    """How large a file of these images is."""
    count, channels, height, width = shape
    return count * (channels * height * width + _CRC.itemsize) + _DIGEST_BYTES


def _end(key: bytes, crcs: NDArray[np.uint32]) -> bytes:
    return crcs.tobytes() + hashlib.blake2b(key + crcs.tobytes(), digest_size=_DIGEST_BYTES).digest()


def _reserve(descriptor: int, size: int) -> None:
    """Let a disk that is too small say so now, not after an hour of decoding. Raises OSError."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except AttributeError:  # macOS has none
        pass
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # what a disk says that cannot reserve anything
            raise


def _write_at(descriptor: int, content: memoryview, offset: int) -> None:
    while content:
        written = os.pwrite(descriptor, content, offset)
        content, offset = content[written:], offset + written
