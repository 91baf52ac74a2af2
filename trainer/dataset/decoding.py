"""Decode image files without loss. Pillow by itself reduces 16-bit colour to 8 bits. No torch."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageFile

from trainer.dataset.formats import formats
from trainer.dataset.valuerange import ValueRange

_OTHER_BYTE = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
"""Pillow reads the high bytes of 16-bit colour. With the other byte order it reads the low bytes."""
_COLOUR = ("RGB;16", "RGBX;16", "RGBA;16")
_GREY_ALPHA = "LA;16B"
_UNSIGNED_32 = "I;32N"

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Decoded:
    """The first frame of a file, before the rotation that its EXIF data ask for."""

    image: Image.Image
    """As Pillow reads it. Of a deep image at most 8 bits are right."""
    values: NDArray[Any] | None
    """Only of a deep image, one with more than 8 bits per channel: (H, W) or (H, W, 3), of any dtype."""
    alpha: NDArray[np.uint16] | None
    """Only of a deep image with transparency: (H, W)."""
    orientation: int

    def as_shown(self, channels: int, value_range: ValueRange | None) -> Image.Image:
        """Return the image upright, as L (1 channel) or RGB (3). Transparent pixels become white.

        Raises ValueError for a deep image without `value_range`.
        """
        image = self.image if self.values is None else self._scaled(self.values, value_range)
        if image.mode == "LAB":
            image = _lab_to_rgb(image)
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert("L" if channels == 1 else "RGB")
        turn = _TURNS.get(self.orientation)
        return image if turn is None else image.transpose(turn)

    def _scaled(self, values: NDArray[Any], value_range: ValueRange | None) -> Image.Image:
        if value_range is None:
            raise ValueError("it has more than 8 bits per channel, and no value range says what is black and white")
        image = Image.fromarray(value_range.to_uint8(values))
        if self.alpha is not None:
            # The highest value is opaque, whatever the lowest value of the colours is.
            opacity = ValueRange(0, max(1, value_range.high)).to_uint8(self.alpha)
            image = image.convert("RGB")
            image.putalpha(Image.fromarray(opacity))
        return image


def decode(content: bytes) -> Decoded:
    """Decode the content of a file. Raises what its decoder raises."""
    file = Image.open(io.BytesIO(content), formats=formats())
    raw = _rawmode(file)
    _forget_details(file)
    file.load()
    values, alpha = _deep_values(file, raw, content)
    return Decoded(file, values, alpha, _orientation(file))


def is_deep(file: Image.Image) -> bool:
    """Whether an image that is opened but not loaded has more than 8 bits per channel."""
    return file.mode.startswith(("I", "F")) or _rawmode(file).startswith((*_COLOUR, _GREY_ALPHA))


def _deep_values(
    pixels: Image.Image, raw: str, content: bytes
) -> tuple[NDArray[Any] | None, NDArray[np.uint16] | None]:
    if pixels.mode.startswith(("I", "F")):
        values = np.asarray(pixels)
        return values.view(np.uint32) if raw == _UNSIGNED_32 else values, None
    if raw == _GREY_ALPHA:  # Four bytes, read as if they were four channels.
        pairs = _read_as(content, lambda _: "RGBA").view(">u2").astype(np.uint16)
        return pairs[..., 0], pairs[..., 1]
    if raw.startswith(_COLOUR):
        low = _read_as(content, lambda mode: mode[:-1] + _OTHER_BYTE[mode[-1]])
        both = np.stack([np.asarray(pixels), low], axis=-1).view(">u2")[..., 0].astype(np.uint16)
        return both[..., :3], both[..., 3] if both.shape[2] == 4 else None
    return None, None


def _read_as(content: bytes, change: Callable[[str], str]) -> NDArray[np.uint8]:
    """Read the pixels in the raw mode that `change` makes of the file's own."""
    file = Image.open(io.BytesIO(content), formats=formats())
    assert isinstance(file, ImageFile.ImageFile)
    for number, tile in enumerate(file.tile):
        args = tile.args or ("",)
        changed = change(args) if isinstance(args, str) else (change(args[0]), *args[1:])
        file.tile[number] = tile._replace(args=changed)
    return np.asarray(file)


def _rawmode(file: Image.Image) -> str:
    """Return Pillow's name for the layout of the pixels in the file (`RGB;16B`). Empty if unknown."""
    for tile in getattr(file, "tile", ()):
        args = tile.args if isinstance(tile.args, str) else tile.args[0] if tile.args else ""
        return args if isinstance(args, str) else ""
    return ""


def _forget_details(file: Image.Image) -> None:
    """Drop all groups of EXIF tags but the main one, which holds the orientation.

    Pillow reads the groups while it loads a TIFF, and a damaged group would make the image unreadable.
    """
    with suppress(Exception):  # Damaged data make Pillow raise all kinds of errors.
        exif = file.getexif()
        for group in ExifTags.IFD:
            exif.pop(group, None)


def _orientation(file: Image.Image) -> int:
    """Return the orientation, 1 to 8. It is 1, upright, if the EXIF data cannot be read.

    It is also 1 for a TIFF, because Pillow rotates a TIFF while it loads.
    """
    try:
        found = file.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # Damaged data make Pillow raise all kinds of errors.
        return 1
    return found if isinstance(found, int) else 1


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert converted is not None
    return converted
