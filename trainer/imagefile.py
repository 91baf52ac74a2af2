"""One image file, looked at with Pillow: can it be read, how large is it, what are its channels. No numpy, no torch."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from trainer.imageformats import formats

UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow raises for a file that is no image, is cut short or is larger than it dares to read."""


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
    is_decoded: bool = False
    """Whether every pixel was read; else the header alone, and a PNG's checksums."""
    problem: str | None = None


def content_digest(content: bytes) -> bytes:
    """Equal contents have equal digests (16 bytes), different ones different digests."""
    return hashlib.blake2b(content, digest_size=16).digest()


def look(path: Path, decode: bool) -> Look:
    """Look at a file. What is wrong with it is the `problem`, never an exception. Threads gain by it."""
    digest = b""
    try:
        # A pipe of that name would keep us waiting for ever.
        if not stat.S_ISREG(os.stat(path).st_mode):
            return Look(problem="no regular file")
        content = path.read_bytes()
        digest = content_digest(content)
        if not content:
            return Look(digest, problem="the file is empty")
        return _look_at(content, digest, decode)
    except UNREADABLE as error:
        return Look(digest, problem=_reason(error))


def _look_at(content: bytes, digest: bytes, decode: bool) -> Look:
    with Image.open(io.BytesIO(content), formats=formats()) as image:
        width, height = image.size
        mode, has_alpha = image.mode, image.has_transparency_data
        if decode:
            image.load()
        else:
            image.verify()
    return Look(digest, width, height, mode, has_alpha, is_decoded=decode)


def ignore_warnings() -> None:
    """Keep what Pillow says of odd files off the terminal, for good: a program's decision, not a module's."""
    warnings.filterwarnings("ignore", module=r"PIL(\..*)?$")


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if str(error).startswith("cannot identify image file"):
        return "no image, whatever its name says"
    return " ".join(str(error).split()) or type(error).__name__
