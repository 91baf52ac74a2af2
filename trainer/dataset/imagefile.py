"""One image file: inspected before a training, read for one. No torch."""

from __future__ import annotations

import enum
import errno
import hashlib
import io
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from trainer.dataset.decoding import decode, is_deep
from trainer.dataset.formats import formats
from trainer.dataset.invalid import DataInvalid
from trainer.dataset.valuerange import Extremes, ValueRange, measure

MAX_BYTES = 1024**3
"""Of an image file. Its content is read as a whole."""


class Depth(enum.IntEnum):
    """How much of a file is looked at."""

    HEADER = 0
    DEEP_IMAGES = 1
    """Images with more than 8 bits per channel are decoded, for their extremes; of the others the header is read."""
    PIXELS = 2
    """Every image is decoded, which alone finds each truncated one."""


@dataclass(frozen=True)
class Look:
    """What was seen of a file; with a `problem` it cannot be read and the rest may be missing."""

    digest: bytes = b""
    """Of the content: equal files have equal ones."""
    width: int = 0
    height: int = 0
    mode: str = ""
    """Pillow's: L, RGB, RGBA, I;16, ..."""
    has_alpha: bool = False
    is_deep: bool = False
    """Whether it has more than 8 bits per channel."""
    extremes: Extremes | None = None
    """Of a deep image that was decoded."""
    is_decoded: bool = False
    problem: str | None = None


def content_digest(content: bytes) -> bytes:
    """Equal contents have equal digests (16 bytes), different ones different digests."""
    return hashlib.blake2b(content, digest_size=16).digest()


def look(path: Path, depth: Depth) -> Look:
    """Look at a file. What is wrong with it is the `problem`, never an exception. Threads gain by it."""
    content, digest = b"", b""
    try:
        content = _read(path)
        digest = content_digest(content)
        if not content:
            return Look(digest, problem="the file is empty")
        return _look_at(content, digest, depth)
    except Exception as error:  # damaged files make decoders raise all kinds
        return Look(digest, problem=_reason(error, content))


def _look_at(content: bytes, digest: bytes, depth: Depth) -> Look:
    with Image.open(io.BytesIO(content), formats=formats()) as image:
        width, height = image.size
        seen = Look(digest, width, height, image.mode, image.has_transparency_data, is_deep(image))
        if depth is Depth.HEADER:
            image.verify()
    if depth < Depth.PIXELS and not (depth is Depth.DEEP_IMAGES and seen.is_deep):
        return seen
    values = decode(content).values
    extremes = None if values is None else measure(values)
    return Look(**{**vars(seen), "extremes": extremes, "is_decoded": True})


def read_content(path: Path) -> bytes:
    """Read the file of an image. Raises DataInvalid, naming it."""
    try:
        return _read(path)
    except OSError as error:
        raise DataInvalid(f"image cannot be read: {path}: {error.strerror or error}") from error


def _read(path: Path) -> bytes:
    """Raises OSError. A pipe would keep us waiting for ever, and a device or a sparse file would fill the memory."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    if status.st_size > MAX_BYTES:
        raise OSError(errno.EFBIG, f"longer than {MAX_BYTES // 1024**2:,} MiB")
    return path.read_bytes()


def read_image(
    path: Path, channels: int, size: int, value_range: ValueRange | None = None, content: bytes | None = None
) -> NDArray[np.uint8]:
    """Read an image as (size, size, channels) uint8, as `open_image` shows it. Raises DataInvalid, naming the file."""
    image = open_image(path, channels, value_range, content)
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.array(image, dtype=np.uint8).reshape(size, size, channels)


def open_image(
    path: Path, channels: int, value_range: ValueRange | None = None, content: bytes | None = None
) -> Image.Image:
    """Open an image in its own size, grey or RGB, upright; of several frames the first.

    More than 8 bits per channel are scaled to 8 by `value_range`. `content` is the file's, if it was read already.
    Raises DataInvalid, naming the file.
    """
    content = read_content(path) if content is None else content
    with _naming(path, content):
        return decode(content).as_shown(channels, value_range)


@contextmanager
def _naming(path: Path, content: bytes) -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # damaged files make decoders raise all kinds
        raise DataInvalid(f"image cannot be read, replace or remove it: {path}: {_reason(error, content)}") from error


def _reason(error: Exception, content: bytes) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, UnidentifiedImageError):
        is_tiff = content.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"))
        return "Pillow does not read this kind of TIFF" if is_tiff else "not an image, despite its extension"
    return " ".join(str(error).split()) or type(error).__name__


def ignore_warnings() -> None:
    """Keep what Pillow says of odd files off the terminal, for good: a program's decision, not a module's."""
    warnings.filterwarnings("ignore", module=r"PIL(\..*)?$")
