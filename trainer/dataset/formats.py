"""The supported image formats and their file extensions. Imports Pillow only to open files."""

from __future__ import annotations

import importlib
import importlib.util
import os
from functools import cache

FORMATS = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".mpo",),
    "BMP": (".bmp",),
    "DIB": (".dib",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "AVIF": (".avif", ".avifs"),
    "JPEG2000": (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    "PCX": (".pcx",),
    "DCX": (".dcx",),
    "SGI": (".sgi", ".rgb", ".rgba", ".bw"),
    "QOI": (".qoi",),
    "PSD": (".psd",),
    "DDS": (".dds",),
    "BLP": (".blp",),
    "FTEX": (".ftc", ".ftu"),
    "ICO": (".ico",),
    "CUR": (".cur",),
    "ICNS": (".icns",),
    "SUN": (".ras",),
    "XBM": (".xbm",),
    "XPM": (".xpm",),
    "MSP": (".msp",),
    "FITS": (".fits", ".fit"),
    "FLI": (".fli", ".flc"),
    "GBR": (".gbr",),
    "PIXAR": (".pxr",),
    "PCD": (".pcd",),
    "TGA": (".tga", ".icb", ".vda", ".vst"),
}
"""The extensions of every format that Pillow itself decodes, by Pillow's name, in the order of the attempts.

Not supported are EPS (Pillow starts Ghostscript), IPTC (it opens any format inside), IM (Pillow 15 drops it) and BUFR,
GRIB, HDF5, WMF and MPEG (Pillow recognises them but does not decode them). TGA comes last, because it has no signature.
"""
HEIF = (".heic", ".heics", ".heif", ".heifs", ".hif")
"""The extensions of HEIF, which needs the package pillow-heif."""
HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
"""What follows `ftyp` in the content of a HEIF file."""


def is_image(name: str) -> bool:
    """Whether a file of this name counts as an image, judged by its extension."""
    return ending(name).lower() in endings()


def is_heif(name: str) -> bool:
    return ending(name).lower() in HEIF


def ending(name: str) -> str:
    """Return the extension as written, with its dot. Empty if there is none."""
    return os.path.splitext(name)[1]


@cache
def endings() -> frozenset[str]:
    """Return the extensions, in lower case, of the files that this installation can read."""
    known = frozenset(each for endings in FORMATS.values() for each in endings)
    return known.union(HEIF) if has_heif() else known


@cache
def has_heif() -> bool:
    return importlib.util.find_spec("pillow_heif") is not None


@cache
def formats() -> tuple[str, ...]:
    """Return the formats for PIL.Image.open. Registers pillow-heif if it is installed."""
    from PIL import Image

    if has_heif():
        importlib.import_module("pillow_heif").register_heif_opener()
    Image.init()
    # MPO has no opener of its own, because the one of JPEG recognises it.
    return tuple(name for name in (*FORMATS, "HEIF") if name in Image.OPEN)
