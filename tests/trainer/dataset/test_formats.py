"""The image formats that are read: exactly those that Pillow decodes itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.servers import ROOT
from trainer.dataset.formats import FORMATS, formats, is_image
from trainer.dataset.imagefile import Depth, inspect, open_image

NOT_DECODED = {"EPS", "IPTC", "BUFR", "GRIB", "HDF5", "WMF", "MPEG", "PDF", "PALM", "IM"}
"""Formats in Pillow's registry that Pillow cannot decode, cannot decode by itself, or will soon drop."""


def test_the_extensions_are_those_of_pillows_registry() -> None:
    registered: dict[str, set[str]] = {}
    for extension, name in Image.registered_extensions().items():
        registered.setdefault(name, set()).add(extension)
    registered.pop("HEIF", None)
    assert {name: set(own) for name, own in FORMATS.items()} == {
        name: own for name, own in registered.items() if name not in NOT_DECODED
    }
    assert set(formats()) | {"MPO"} >= set(FORMATS)


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.b.Jpg", "a.mpo", "a.pcx", "a.sgi", "a.qoi", "a.psd", "a.jpx"])
def test_an_extension_counts_in_any_case(name: str) -> None:
    assert is_image(name)


@pytest.mark.parametrize("name", ["a.eps", "a.pdf", "a.txt", "png", "a.png.bak", "a.svg", "a.mp4"])
def test_other_files_are_not_images(name: str) -> None:
    assert not is_image(name)


HEIF_READER = """
from PIL import Image
def register_heif_opener():
    Image.register_open("HEIF", lambda file, name: Image.new("L", (2, 3)), lambda start: start.startswith(b"heif"))
"""
"""A replacement for the package pillow-heif that reads a format that is easy to write."""


def test_heif_is_read_if_its_reader_is_installed(tmp_path: Path) -> None:
    (tmp_path / "pillow_heif.py").write_text(HEIF_READER)
    (tmp_path / "photo.HEIC").write_bytes(b"heif")
    code = (
        "import sys; from pathlib import Path; from trainer.dataset.imagefile import Depth, inspect\n"
        "from trainer.dataset.imagefolder import contents; found = contents(Path(sys.argv[1]))\n"
        "print([(path.name, inspect(path, Depth.PIXELS).height) for path in found.images])"
    )
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "[('photo.HEIC', 3)]\n"


WRITTEN = "apng avif bmp dds dib gif ico jp2 jpg mpo pcx png ppm qoi sgi tga tif webp"


@pytest.mark.parametrize("extension", WRITTEN.split())
def test_images_that_pillow_writes_are_read(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"image.{extension}"
    written = Image.new("RGB", (32, 32), (200, 100, 50))
    written.save(path)
    seen = inspect(path, Depth.PIXELS)
    assert (seen.problem, seen.width, seen.height) == (None, 32, 32)
    red, green, blue = open_image(path, channels=3).getpixel((16, 16))  # type: ignore[misc]
    assert max(abs(red - 200), abs(green - 100), abs(blue - 50)) <= 8


def test_postscript_is_not_opened_under_another_name(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "page.eps")
    path = (tmp_path / "page.eps").rename(tmp_path / "page.png")
    with Image.open(path) as opened_by_content:
        assert opened_by_content.format == "EPS"
    assert inspect(path, Depth.PIXELS).problem is not None
