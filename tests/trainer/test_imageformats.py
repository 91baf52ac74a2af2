"""Which formats are read: every one that Pillow decodes itself, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from trainer.imagefile import look
from trainer.imageformats import FORMATS, HEIF, endings, formats, has_heif, is_image
from trainer.images import open_image

NOT_DECODED = {"EPS", "IPTC", "BUFR", "GRIB", "HDF5", "WMF", "MPEG", "PDF", "PALM", "IM"}
"""Formats of Pillow's registry that it cannot decode, or not by itself, or not for much longer."""


def test_the_endings_are_those_of_pillows_registry() -> None:
    registered: dict[str, set[str]] = {}
    for ending, name in Image.registered_extensions().items():
        registered.setdefault(name, set()).add(ending)
    registered.pop("HEIF", None)
    assert {name: set(own) for name, own in FORMATS.items()} == {
        name: own for name, own in registered.items() if name not in NOT_DECODED
    }
    assert set(formats()) | {"MPO"} >= set(FORMATS)


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.b.Jpg", "a.mpo", "a.pcx", "a.sgi", "a.qoi", "a.psd", "a.jpx"])
def test_an_ending_counts_in_any_case(name: str) -> None:
    assert is_image(name)


@pytest.mark.parametrize("name", ["a.eps", "a.pdf", "a.txt", "png", "a.png.bak", "a.svg", "a.mp4"])
def test_other_files_are_not_images(name: str) -> None:
    assert not is_image(name)


def test_heif_counts_where_its_reader_is_installed() -> None:
    assert endings().issuperset(HEIF) == has_heif()


WRITTEN = "apng avif bmp dds dib gif ico jp2 jpg mpo pcx png ppm qoi sgi tga tif webp"


@pytest.mark.parametrize("ending", WRITTEN.split())
def test_what_pillow_writes_is_read(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"image.{ending}"
    written = Image.new("RGB", (32, 32), (200, 100, 50))
    written.save(path)
    seen = look(path, decode=True)
    assert (seen.problem, seen.width, seen.height) == (None, 32, 32)
    red, green, blue = open_image(path, channels=3).getpixel((16, 16))  # type: ignore[misc]
    assert max(abs(red - 200), abs(green - 100), abs(blue - 50)) <= 8


def test_postscript_is_not_opened_whatever_its_name(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "page.eps")
    path = (tmp_path / "page.eps").rename(tmp_path / "page.png")
    with Image.open(path) as opened_by_content:
        assert opened_by_content.format == "EPS"
    assert look(path, decode=True).problem is not None
