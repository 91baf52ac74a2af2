"""The image formats that are read, and the endings of their files. Pillow is imported only to open files."""

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
"""Every format that Pillow itself decodes, by Pillow's name, in the order in which they are tried.

Left out are EPS (Pillow starts Ghostscript), IPTC (opens whatever format is inside it), IM (Pillow 15 drops it) and
BUFR, GRIB, HDF5, WMF and MPEG (Pillow recognises them without decoding them). TGA stands last: it has no signature.
"""
HEIF = (".heic", ".heics", ".heif", ".heifs", ".hif")
"""Endings of the format HEIF, which needs the package pillow-heif."""


def is_image(name: str) -> bool:
    """Whether a file of this name counts as an image, by its ending alone."""
    return ending(name).lower() in endings()


def is_heif(name: str) -> bool:
    return ending(name).lower() in HEIF


def ending(name: str) -> str:
    """The ending as it is written, with its dot; the empty text where there is none."""
    return os.path.splitext(name)[1]


@cache
def endings() -> frozenset[str]:
    """The endings, in lower case, of the files that can be read in this installation."""
    known = frozenset(each for endings in FORMATS.values() for each in endings)
    return known.union(HEIF) if has_heif() else known


@cache
def has_heif() -> bool:
    return importlib.util.find_spec("pillow_heif") is not None


@cache
def formats() -> tuple[str, ...]:
    """The formats to hand to PIL.Image.open. Registers pillow-heif where it is installed."""
    from PIL import Image

    if has_heif():
        importlib.import_module("pillow_heif").register_heif_opener()
    Image.init()
    # MPO has no opener of its own: JPEG's recognises it.
    return tuple(name for name in (*FORMATS, "HEIF") if name in Image.OPEN)
