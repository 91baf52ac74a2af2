"""A file of decoded images, mapped into memory. It holds the pixels of all images and nothing else."""

from __future__ import annotations

import errno
import fcntl
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.dataset.threads import OnProgress, in_threads
from trainer.rundir import replacing

Shape = tuple[int, int, int, int]
"""Images, channels, height, width. One byte each."""


class PixelFile:
    """A file that is open for reading. It has a shared lock for the life of this object, which shows that it is in use.

    A loader process that unpickles this object opens the file again.
    """

    def __init__(self, path: Path, shape: Shape) -> None:
        """Raises OSError, and ValueError if the file is too short."""
        self._path, self._shape = path, shape
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)  # It stays locked: the mapping keeps a duplicate of the descriptor.
            self._pixels = np.memmap(file, np.uint8, "r", shape=shape)

    def __reduce__(self) -> tuple[type[PixelFile], tuple[Path, Shape]]:
        return PixelFile, (self._path, self._shape)

    def take(self, indices: Sequence[int], out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Return a copy of the images, in `out` if it is given: (len(indices), C, H, W)."""
        return np.take(self._pixels, indices, 0, out, "clip")  # other modes copy to `out` through a buffer


def write(path: Path, shape: Shape, pixels: Callable[[int], NDArray[np.uint8]], on_progress: OnProgress) -> None:
    """Write a file of the images `pixels(index)`, each (C, H, W), which several threads ask for.

    The file appears at `path` in one step. An error of the disk or of `pixels` leaves no file behind.
    """
    image_bytes = math.prod(shape[1:])
    with replacing(path) as file:
        _reserve(file.fileno(), math.prod(shape))

        def put(index: int) -> None:
            _write_at(file.fileno(), memoryview(pixels(index).tobytes()), index * image_bytes)

        in_threads(put, shape[0], on_progress)


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
