"""Inspect an image file before a training, and read it during one. No torch."""

from __future__ import annotations

import enum
import errno
import hashlib
import io
import os
import stat
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from trainer.dataset.decoding import decode, is_deep
from trainer.dataset.formats import HEIF_BRANDS, formats
from trainer.dataset.invalid import DataInvalid
from trainer.dataset.valuerange import Extremes, ValueRange, measure
from trainer.filestate import FileState, file_state

MAX_BYTES = 1024**3
"""The longest image file that is read. The content is read as a whole."""


class Depth(enum.IntEnum):
    """How much of a file is inspected."""

    HEADER = 0
    DEEP_IMAGES = 1
    """Decode images with more than 8 bits per channel, for their extremes. Read only the header of the others."""
    PIXELS = 2
    """Decode every image. Only this finds each truncated image."""


@dataclass(frozen=True)
class Inspection:
    """The facts about an image file. With a `problem` it cannot be read, and the other facts may be missing."""

    digest: bytes = b""
    """Of the content, as by `content_digest`."""
    width: int = 0
    height: int = 0
    mode: str = ""
    """Pillow's mode: L, RGB, RGBA, I;16, ..."""
    has_alpha: bool = False
    has_more_frames: bool = False
    """Whether it has pages or frames that a training does not use."""
    is_deep: bool = False
    """Whether it has more than 8 bits per channel."""
    extremes: Extremes | None = None
    """Only of a deep image that was decoded."""
    is_decoded: bool = False
    problem: str | None = None
    state: FileState | None = None
    """Of the file before it was read. None: the inspection is a remembered one, or the file does not exist."""

    @property
    def depth(self) -> Depth:
        """How much of the file was inspected. Of an image that is not deep, `DEEP_IMAGES` needs only the header."""
        return Depth.PIXELS if self.is_decoded else Depth.HEADER if self.is_deep else Depth.DEEP_IMAGES


def content_digest(content: bytes) -> bytes:
    """Return a digest (16 bytes) that is equal for equal contents only."""
    return hashlib.blake2b(content, digest_size=16).digest()


def inspect(path: Path, depth: Depth) -> Inspection:
    """Inspect a file. An error becomes the `problem`, never an exception. Most of the work releases the GIL."""
    content, digest, state = b"", b"", file_state(path)
    try:
        content = _read(path)
        digest = content_digest(content)
        if not content:
            return Inspection(digest, problem="the file is empty")
        return replace(_inspect_content(content, digest, depth), state=state)
    except Exception as error:  # Damaged files make decoders raise all kinds of errors.
        return Inspection(digest, problem=_reason(error, content))


def _inspect_content(content: bytes, digest: bytes, depth: Depth) -> Inspection:
    with Image.open(io.BytesIO(content), formats=formats()) as image:
        width, height = image.size
        # The other pictures of a phone's MPO file are previews.
        has_more_frames = image.format != "MPO" and getattr(image, "is_animated", False)
        facts = image.mode, image.has_transparency_data, has_more_frames, is_deep(image)
        seen = Inspection(digest, width, height, *facts)
        if depth is Depth.HEADER:
            image.verify()
    if depth < Depth.PIXELS and not (depth is Depth.DEEP_IMAGES and seen.is_deep):
        return seen
    values = decode(content).values
    extremes = None if values is None else measure(values)
    return replace(seen, extremes=extremes, is_decoded=True)


def read_content(path: Path) -> bytes:
    """Read the file of an image. Raises DataInvalid, which names the file."""
    try:
        return _read(path)
    except OSError as error:
        raise DataInvalid(f"image cannot be read: {path}: {error.strerror or error}") from error


def _read(path: Path) -> bytes:
    """Read a regular file of bounded size. A pipe would block forever, and a device would fill the memory."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    if status.st_size > MAX_BYTES:
        raise OSError(errno.EFBIG, f"longer than {MAX_BYTES // 1024**2:,} MiB")
    return path.read_bytes()


def read_image(
    path: Path, channels: int, size: int, value_range: ValueRange | None = None, content: bytes | None = None
) -> NDArray[np.uint8]:
    """Read an image as (size, size, channels) uint8, converted as by `open_image`. Raises DataInvalid."""
    image = open_image(path, channels, value_range, content)
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.array(image, dtype=np.uint8).reshape(size, size, channels)


def open_image(
    path: Path, channels: int, value_range: ValueRange | None = None, content: bytes | None = None
) -> Image.Image:
    """Open the first frame of an image in its own size, upright, grey or RGB.

    `value_range` scales images with more than 8 bits per channel to 8. `content` is the file's content, if the caller
    has read it. Raises DataInvalid, which names the file.
    """
    content = read_content(path) if content is None else content
    try:
        return decode(content).as_shown(channels, value_range)
    except MemoryError:
        raise
    except Exception as error:  # Damaged files make decoders raise all kinds of errors.
        raise DataInvalid(f"image cannot be read, replace or remove it: {path}: {_reason(error, content)}") from error


def _reason(error: Exception, content: bytes) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, UnidentifiedImageError):
        if content.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
            return "Pillow does not read this kind of TIFF"
        if content[4:8] == b"ftyp" and content[8:12] in HEIF_BRANDS:
            return "a HEIF image; install pillow-heif (pip install pillow-heif) or convert it"
        return "not an image in a format that Pillow reads"
    if isinstance(error, Image.DecompressionBombError):
        return f"it has more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels; scale it down"
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def ignore_warnings() -> None:
    """Hide Pillow's warnings about odd files in this process. Only programs call this."""
    warnings.filterwarnings("ignore", module=r"PIL(\..*)?$")
