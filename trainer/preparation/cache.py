"""Cache decoded images for all trainings, in a folder of pixel files named by the digest of their source.

Every change of the folder happens under its lock. A pixel file in use has a lock of its own (dataset.pixelfile).
"""

from __future__ import annotations

import fcntl
import hashlib
import math
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray

from trainer.dataset.imagefile import Depth, content_digest, read_content, read_image
from trainer.dataset.invalid import DataInvalid
from trainer.dataset.pixelfile import PixelFile, Shape, write
from trainer.dataset.threads import OnProgress
from trainer.dataset.valuerange import ValueRange
from trainer.preparation.images import Split
from trainer.preparation.inspection import inspect_split

DECODING = 2
"""Increase this when trainer.dataset.imagefile.read_image returns other pixels than before."""
SUFFIXES = (".pixels", ".inspected")
"""Of our files. While one is being written, it has a leading dot and a further suffix. Other files are not ours."""
GIGABYTE = 10**9
MIN_FREE_BYTES = GIGABYTE
"""The space on the disk that the cache leaves free."""


class NoRoom(Exception):
    """The images do not fit. The message says where."""


@dataclass(frozen=True)
class Wanted:
    """The pixels of one split."""

    split: Split
    digests: list[bytes]
    shape: Shape
    value_range: ValueRange | None

    @property
    def name(self) -> str:
        """The name of its file, which differs for other pixels."""
        _, channels, height, width = self.shape
        made_by = f"{DECODING} {PIL.__version__} {channels} {height} {width} {self.value_range!r} "
        return hashlib.blake2b(made_by.encode() + b"".join(self.digests), digest_size=16).hexdigest() + ".pixels"

    def pixels(self, index: int) -> NDArray[np.uint8]:
        """Decode an image, (C, H, W). Raises DataInvalid."""
        path = self.split.paths[index]
        content = read_content(path)
        if content_digest(content) != self.digests[index]:
            raise DataInvalid(f"image changed during the start of the training; start again: {path}")
        return read_image(path, self.shape[1], self.shape[2], self.value_range, content).transpose(2, 0, 1)


class ImageCache:
    """The folder of pixel files, of at most `max_bytes`. `log` writes a line to the log."""

    def __init__(self, folder: Path, max_bytes: int, log: Callable[[str], object], on_progress: OnProgress) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._log = log
        self._on_progress = on_progress

    def open(
        self, splits: dict[str, Split], channels: int, size: int, value_range: ValueRange | None = None
    ) -> dict[str, PixelFile]:
        """Return the pixels of each split, decoded now if they are not cached. Log a line and return {} if impossible.

        Raises DataInvalid, which names an unreadable image.
        """
        try:
            return self._open(splits, channels, size, value_range)
        except (NoRoom, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            self._log(f"decoding images in each epoch: {reason}")
            return {}

    def _open(
        self, splits: dict[str, Split], channels: int, size: int, value_range: ValueRange | None
    ) -> dict[str, PixelFile]:
        shapes = {name: (len(split), channels, size, size) for name, split in splits.items()}
        needed = sum(map(math.prod, shapes.values()))
        if needed > self._max_bytes:
            raise NoRoom(f"{gigabytes(needed)} do not fit into data.cache_max_gb ({gigabytes(self._max_bytes)})")
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            wanted = {
                name: Wanted(split, self._digests(split), shapes[name], value_range) for name, split in splits.items()
            }
            by_name = {each.name: each for each in wanted.values()}
            files = {name: file for name, each in by_name.items() if (file := self._find(each)) is not None}
            missing = [each for name, each in by_name.items() if name not in files]
            self._make_room(sum(math.prod(each.shape) for each in missing))
            files |= {each.name: self._make(each) for each in missing}
        return {split: files[each.name] for split, each in wanted.items()}

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with open(self._folder / "lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._log(f"waiting until another training has decoded its images into {self._folder}")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _digests(self, split: Split) -> list[bytes]:
        """Return the digest of each image. Raises DataInvalid, which names an unreadable image."""
        inspections = inspect_split(split, self._folder, Depth.DEEP_IMAGES, self._on_progress)
        for path, seen in zip(split.paths, inspections):
            if seen.problem is not None:
                raise DataInvalid(f"image cannot be read, replace or remove it: {path}: {seen.problem}")
        return [seen.digest for seen in inspections]

    def _find(self, wanted: Wanted) -> PixelFile | None:
        path = self._folder / wanted.name
        try:
            file = PixelFile(path, wanted.shape)
        except FileNotFoundError:
            return None
        except ValueError:  # Something has cut the file off.
            path.unlink()
            return None
        os.utime(path)  # _make_room removes the least recently used files first.
        return file

    def _make(self, wanted: Wanted) -> PixelFile:
        self._log(f"decoding the {len(wanted.split):,} images of {wanted.split.path} into {self._folder}")
        path = self._folder / wanted.name
        write(path, wanted.shape, wanted.pixels, self._on_progress)
        return PixelFile(path, wanted.shape)

    def _make_room(self, needed: int) -> None:
        """Remove the least recently used files until `needed` bytes fit into the cache and on the disk. Raises NoRoom.

        Removes no file that is in use, and none at all if that would not be enough.
        """
        for path in self._folder.glob(".*"):
            if Path(path.stem).suffix in SUFFIXES:  # A killed process left it: only one process decodes at a time.
                path.unlink(missing_ok=True)  # Or another training has just written its inspections.
        files = {path: path.stat() for path in self._folder.iterdir() if path.suffix in SUFFIXES}
        unused = sorted(filter(_is_unused, files), key=lambda path: files[path].st_mtime_ns)
        removable = sum(files[path].st_size for path in unused)
        over_cap = sum(status.st_size for status in files.values()) + needed - self._max_bytes
        over_disk = needed + MIN_FREE_BYTES - shutil.disk_usage(self._folder).free if needed else 0
        if needed and over_disk > removable:
            raise NoRoom(
                f"{gigabytes(needed)} do not fit on the disk, where {gigabytes(MIN_FREE_BYTES)} must stay free"
            )
        if needed and over_cap > removable:
            raise NoRoom(
                f"{gigabytes(needed)} do not fit into data.cache_max_gb beside the images of other active trainings"
            )
        excess = max(over_cap, over_disk)
        for path in unused:
            if excess <= 0:
                break
            path.unlink()
            excess -= files[path].st_size


def gigabytes(number: int) -> str:
    return f"{number / GIGABYTE:,.2f} GB"


def _is_unused(path: Path) -> bool:
    """Whether no process uses the file and we may remove it."""
    try:
        with open(path, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
