"""Reading one image file of any kind, and the errors that name a file and its problem."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.trainer.trainings import write_rotten_avif
from trainer.dataset.imagefile import Depth, inspect, open_image, read_image
from trainer.dataset.invalid import DataInvalid
from trainer.dataset.valuerange import ValueRange


@pytest.mark.parametrize(
    ("mode", "pixel", "channels", "expected"),
    [
        ("L", 100, 1, [100]),
        ("L", 100, 3, [100, 100, 100]),
        ("RGB", (10, 20, 30), 3, [10, 20, 30]),
        ("RGBA", (10, 20, 30, 255), 3, [10, 20, 30]),
        ("RGBA", (10, 20, 30, 0), 3, [255, 255, 255]),
        ("RGBA", (0, 0, 0, 51), 3, [204, 204, 204]),
        ("LA", (90, 0), 1, [255]),
        ("P", 0, 3, [0, 0, 0]),
        ("1", 1, 1, [255]),
    ],
)
def test_images_of_every_kind_become_uint8_of_the_requested_shape(
    tmp_path: Path, mode: str, pixel: int | tuple[int, ...], channels: int, expected: list[int]
) -> None:
    path = tmp_path / "image.png"
    Image.new(mode, (5, 7), pixel).save(path)
    read = read_image(path, channels, 4)
    assert (read.shape, read.dtype) == ((4, 4, channels), np.uint8)
    assert read[0, 0].tolist() == expected


def test_the_exif_orientation_of_an_image_is_applied(tmp_path: Path) -> None:
    image = Image.new("L", (2, 2))
    image.putpixel((0, 0), 255)
    exif = image.getexif()
    exif[0x0112] = 3  # upside down
    image.save(tmp_path / "image.png", exif=exif)
    assert read_image(tmp_path / "image.png", 1, 2)[1, 1, 0] == 255


def test_a_transparent_palette_colour_becomes_white(tmp_path: Path) -> None:
    path = tmp_path / "image.gif"
    image = Image.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    image.save(path, transparency=1)
    assert read_image(path, 3, 2)[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_of_the_eight_orientations_of_a_jpeg_is_applied(tmp_path: Path, orientation: int) -> None:
    marked = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}
    image = Image.new("L", (32, 32))
    image.paste(255, (0, 0, 16, 16))
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / "image.jpg", exif=exif)
    pixels = read_image(tmp_path / "image.jpg", 1, 2)[..., 0]
    assert np.unravel_index(int(pixels.argmax()), (2, 2)) == marked[orientation]


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n cut off"])
def test_an_unreadable_image_is_reported(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(DataInvalid, match=r"broken\.png"):
        read_image(path, 1, 8)


DEEP = np.array([[0, 50], [100, 1000]])
"""Values of a 10-bit camera."""
AS_SHOWN = [[0, 12], [25, 249]]


def write_png(path: Path, pixels: NDArray[np.uint16]) -> None:
    """Write 16 bits per channel, (H, W, C): grey with alpha, RGB or RGBA. Pillow cannot write these."""
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels.astype(">u2"))
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    content = [struct.pack(">I", len(data)) + kind + data for kind, data in chunks]
    checked = [each + struct.pack(">I", zlib.crc32(each[4:])) for each in content]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(checked))


def write_colour_tiff(path: Path, pixels: NDArray[np.uint16], order: str) -> None:
    """Write 16-bit RGB, (H, W, 3), in the byte order `order` (< or >). Pillow cannot write it."""
    height, width, _ = pixels.shape
    data = pixels.astype(f"{order}u2").tobytes()
    tags = [(256, width), (257, height), (259, 1), (262, 2), (277, 3), (278, height), (279, len(data))]
    first = 8 + 2 + 12 * (len(tags) + 2) + 4
    entries = [(tag, struct.pack(f"{order}HHII", tag, 4, 1, value)) for tag, value in tags]
    entries += [
        (258, struct.pack(f"{order}HHII", 258, 3, 3, first)),
        (273, struct.pack(f"{order}HHII", 273, 4, 1, first + 6)),
    ]
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(entries))
    depths = struct.pack(f"{order}HHH", 16, 16, 16)
    path.write_bytes(head + b"".join(each for _, each in sorted(entries)) + bytes(4) + depths + data)


def shown(path: Path, channels: int, low: float = 0, high: float = 1023) -> Any:
    return read_image(path, channels, 2, ValueRange(low, high)).squeeze().tolist()


@pytest.mark.parametrize("kind", ["uint16", ">u2", "int16", "int32", "uint32", "float32", "float64"])
def test_deep_grey_of_every_kind_is_scaled_by_the_value_range(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "image.tif"
    Image.fromarray(DEEP.astype(kind)).save(path)
    assert shown(path, 1) == AS_SHOWN
    assert [row[0] for row in shown(path, 3)[1]] == AS_SHOWN[1]
    assert inspect(path, Depth.DEEP_IMAGES).extremes[:2] == (0, 1000)  # type: ignore[index]


def test_deep_png_negative_values_and_values_beyond_31_bits_are_scaled(tmp_path: Path) -> None:
    Image.fromarray(DEEP.astype(np.uint16)).save(tmp_path / "deep.png")
    assert shown(tmp_path / "deep.png", 1) == AS_SHOWN
    Image.fromarray((DEEP - 1000).astype(np.int16)).save(tmp_path / "signed.tif")
    assert shown(tmp_path / "signed.tif", 1, -1000, 23) == AS_SHOWN
    Image.fromarray((DEEP * 4_000_000).astype(np.uint32)).save(tmp_path / "large.tif")
    content = (tmp_path / "large.tif").read_bytes()
    signed, unsigned = (struct.pack("<HHIH", 339, 3, 1, kind) for kind in (2, 1))
    (tmp_path / "large.tif").write_bytes(content.replace(signed, unsigned))  # Pillow cannot write unsigned values
    assert shown(tmp_path / "large.tif", 1, 0, 1023 * 4e6) == AS_SHOWN


@pytest.mark.parametrize("name", ["rgb.png", "<.tif", ">.tif"])
def test_no_bit_of_16_bit_colour_is_lost(tmp_path: Path, name: str) -> None:
    path, colours = tmp_path / name, np.stack([DEEP, DEEP[::-1], DEEP.T], axis=-1).astype(np.uint16)
    if name.endswith("png"):
        write_png(path, colours)
    else:
        write_colour_tiff(path, colours, name[0])
    assert np.array_equal(read_image(path, 3, 2, ValueRange(0, 1023)), ValueRange(0, 1023).to_uint8(colours))
    seen = inspect(path, Depth.PIXELS)
    assert (seen.is_deep, seen.extremes and seen.extremes[:2]) == (True, (0, 1000))


def test_transparent_pixels_of_a_deep_image_become_white(tmp_path: Path) -> None:
    opacity = np.array([[1023, 1023], [1023, 0]])
    write_png(tmp_path / "grey.png", np.stack([DEEP, opacity], axis=-1).astype(np.uint16))
    write_png(tmp_path / "colour.png", np.stack([DEEP, DEEP, DEEP, opacity], axis=-1).astype(np.uint16))
    for name in ("grey.png", "colour.png"):
        assert shown(tmp_path / name, 1) == [AS_SHOWN[0], [25, 255]]


def test_nan_becomes_black_and_infinite_values_become_the_ends_of_the_range(tmp_path: Path) -> None:
    Image.fromarray(np.array([[np.nan, np.inf], [-np.inf, 1]], np.float32)).save(tmp_path / "image.tif")
    assert shown(tmp_path / "image.tif", 1, -1, 1) == [[0, 255], [0, 255]]
    Image.fromarray(np.full((2, 2), np.nan, np.float32)).save(tmp_path / "nothing.tif")
    assert "finite" in str(inspect(tmp_path / "nothing.tif", Depth.DEEP_IMAGES).problem)


def test_a_deep_image_is_refused_without_a_value_range(tmp_path: Path) -> None:
    Image.fromarray(DEEP.astype(np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(DataInvalid, match=r"deep\.png.*more than 8 bits"):
        read_image(tmp_path / "deep.png", 1, 2)


def test_lab_and_cmyk_are_shown_in_their_colours(tmp_path: Path) -> None:
    Image.new("LAB", (2, 2), (128, 128, 128)).save(tmp_path / "lab.tif")
    Image.new("CMYK", (2, 2), (0, 255, 255, 0)).save(tmp_path / "cmyk.jpg")
    grey, red = (read_image(tmp_path / name, 3, 2)[0, 0].astype(int) for name in ("lab.tif", "cmyk.jpg"))
    assert max(grey) - min(grey) < 10
    assert red[0] > 200 > 60 > max(red[1:])


def exif(*tags: tuple[int, int, bytes]) -> bytes:
    """Return EXIF data with tags of (number, type, value of four bytes)."""
    entries = b"".join(struct.pack("<HHI", number, kind, 1) + value for number, kind, value in tags)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


@pytest.mark.filterwarnings("ignore:::PIL")
@pytest.mark.parametrize(
    "tag",
    [
        (270, 11, struct.pack("<f", 1.0)),  # a description that is a float
        (282, 2, b"72\0\0"),  # a resolution that is text
        (34665, 2, b"abc\0"),  # an offset of the EXIF details that is text
        (34853, 9, struct.pack("<i", -7)),
    ],
)
def test_a_tag_of_a_wrong_type_affects_neither_the_image_nor_its_orientation(
    tmp_path: Path, tag: tuple[int, int, bytes]
) -> None:
    image = Image.new("L", (32, 32))
    image.paste(255, (0, 0, 16, 16))
    upside_down = (274, 3, struct.pack("<HH", 3, 0))
    image.save(tmp_path / "image.jpg", exif=exif(upside_down, tag))
    assert read_image(tmp_path / "image.jpg", 1, 2)[..., 0].argmax() == 3
    assert inspect(tmp_path / "image.jpg", Depth.PIXELS).problem is None


def test_a_tiff_with_a_wrong_offset_of_its_exif_details_is_read(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    Image.new("L", (4, 4), 77).save(path, tiffinfo={34665: 8})
    content = bytearray(path.read_bytes())
    offset = content.index(struct.pack("<H", 34665))
    content[offset + 2 : offset + 12] = struct.pack("<HIi", 9, 1, -5)
    path.write_bytes(bytes(content))
    assert read_image(path, 1, 2).max() == 77


def test_the_file_is_reported_after_any_error_of_a_decoder(tmp_path: Path) -> None:
    path = tmp_path / "rotten.avif"
    write_rotten_avif(path)
    with Image.open(path) as image, pytest.raises(RuntimeError):
        image.load()
    assert inspect(path, Depth.PIXELS).problem
    with pytest.raises(DataInvalid, match=r"rotten\.avif"):
        open_image(path, 3)


def test_a_tiff_that_pillow_does_not_support_is_reported_as_a_tiff(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    Image.new("L", (4, 4)).save(path)
    content = bytearray(path.read_bytes())
    offset = content.index(struct.pack("<H", 262))  # the tag of its colour space
    content[offset + 8 : offset + 10] = struct.pack("<H", 999)
    path.write_bytes(bytes(content))
    assert inspect(path, Depth.HEADER).problem == "Pillow does not read this kind of TIFF"


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "sparse"])
def test_a_file_that_cannot_be_an_image_is_reported_and_not_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "image.png"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        path.touch()
        os.truncate(path, 2**40)
    problem = "longer than 1,024 MiB" if kind == "sparse" else "not a regular file"
    assert inspect(path, Depth.PIXELS).problem == problem
    with pytest.raises(DataInvalid, match=problem):
        open_image(path, 3)
