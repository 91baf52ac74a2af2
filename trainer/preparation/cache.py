"""Images decoded and resized once for all trainings: a folder of pixel files, each named for what it was made of.

Everything that changes the folder is done under its lock; a pixel file in use is locked by itself (dataset.pixelfile).
"""

from __future__ import annotations

import fcntl
import hashlib
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
from trainer.dataset.pixelfile import PixelFile, PixelFileDamaged, Shape, file_bytes, write
from trainer.dataset.threads import Tell
from trainer.dataset.valuerange import ValueRange
from trainer.preparation.images import Split
from trainer.preparation.inspection import inspect

DECODING = 2
"""Raised when trainer.dataset.imagefile.read_image gives other pixels than before."""
GIGABYTE = 10**9
MIN_FREE_BYTES = GIGABYTE
"""So much of the disk is left to others."""


class NoRoom(Exception):
    """The images do not fit; the message says into what."""


@dataclass(frozen=True)
class Wanted:
    """The pixels of one split."""

    split: Split
    digests: list[bytes]
    shape: Shape
    value_range: ValueRange | None

    @property
    def key(self) -> bytes:
        _, channels, height, width = self.shape
        made_by = f"{DECODING} {PIL.__version__} {channels} {height} {width} {self.value_range!r} "
        return hashlib.blake2b(made_by.encode() + b"".join(self.digests), digest_size=16).digest()

    def pixels(self, index: int) -> NDArray[np.uint8]:
        """Decode an image, (C, H, W). Raises DataInvalid."""
        path = self.split.paths[index]
        content = read_content(path)
        if content_digest(content) != self.digests[index]:
            raise DataInvalid(f"image was changed while the training began; start again: {path}")
        return read_image(path, self.shape[1], self.shape[2], self.value_range, content).transpose(2, 0, 1)


class ImageCache:
    """The folder. `max_bytes` is what all of it may take; `say` gets a line for people, `tell` how far it is."""

    def __init__(self, folder: Path, max_bytes: int, say: Callable[[str], object], tell: Tell) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._say = say
        self._tell = tell

    def open(
        self, splits: dict[str, Split], channels: int, size: int, value_range: ValueRange | None = None
    ) -> dict[str, PixelFile]:
        """Return the pixels of each split, made now if they are not there; or none, and a line says why.

        Raises DataInvalid, naming an image that cannot be read.
        """
        try:
            return self._open(splits, channels, size, value_range)
        except (NoRoom, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            self._say(f"images are decoded anew in each epoch: {reason}")
            return {}

    def _open(
        self, splits: dict[str, Split], channels: int, size: int, value_range: ValueRange | None
    ) -> dict[str, PixelFile]:
        shapes = {name: (len(split), channels, size, size) for name, split in splits.items()}
        needed = sum(map(file_bytes, shapes.values()))
        if needed > self._max_bytes:
            raise NoRoom(f"{gigabytes(needed)} do not fit into data.cache_max_gb ({gigabytes(self._max_bytes)})")
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            wanted = {
                name: Wanted(split, self._digests(split), shapes[name], value_range) for name, split in splits.items()
            }
            by_key = {each.key: each for each in wanted.values()}
            files = {key: file for key, each in by_key.items() if (file := self._find(each)) is not None}
            missing = [each for key, each in by_key.items() if key not in files]
            self._make_room(sum(file_bytes(each.shape) for each in missing))
            files |= {each.key: self._make(each) for each in missing}
        return {name: files[each.key] for name, each in wanted.items()}

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with open(self._folder / "lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._say(f"waiting for another training, which is decoding its images into {self._folder}")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _digests(self, split: Split) -> list[bytes]:
        """Raises DataInvalid, naming an image that cannot be read."""
        looks = inspect(split, self._folder, Depth.DEEP_IMAGES, self._tell)
        for path, seen in zip(split.paths, looks):
            if seen.problem is not None:
                raise DataInvalid(f"image cannot be read, replace or remove it: {path}: {seen.problem}")
        return [seen.digest for seen in looks]

    def _path(self, wanted: Wanted) -> Path:
        return self._folder / f"{wanted.key.hex()}.pixels"

    def _find(self, wanted: Wanted) -> PixelFile | None:
        path = self._path(wanted)
        try:
            file = PixelFile(path, wanted.key, wanted.shape)
            file.check(self._tell)
        except FileNotFoundError:
            return None
        except PixelFileDamaged:
            path.unlink()
            return None
        os.utime(path)  # used last: removed last
        return file

    def _make(self, wanted: Wanted) -> PixelFile:
        path = self._path(wanted)
        self._say(f"decoding the {len(wanted.split):,} images of {wanted.split.path} into {self._folder}")
        write(path, wanted.key, wanted.shape, wanted.pixels, self._tell)
        return PixelFile(path, wanted.key, wanted.shape)

    def _make_room(self, needed: int) -> None:
        """Remove what was used longest ago until `needed` bytes fit under the cap and onto the disk. Raises NoRoom.

        Nothing is removed if that would not be enough, and nothing that is in use.
        """
        for left_behind in self._folder.glob("*.part"):  # by a process that was killed: nobody else writes now
            left_behind.unlink()
        files = {path: path.stat() for path in self._folder.iterdir() if path.suffix in (".pixels", ".inspected")}
        unused = sorted(filter(_is_unused, files), key=lambda path: files[path].st_mtime_ns)
        removable = sum(files[path].st_size for path in unused)
        over_cap = sum(status.st_size for status in files.values()) + needed - self._max_bytes
        over_disk = needed + MIN_FREE_BYTES - shutil.disk_usage(self._folder).free if needed else 0
        if needed and over_disk > removable:
            raise NoRoom(
                f"{gigabytes(needed)} do not fit onto the disk, of which {gigabytes(MIN_FREE_BYTES)} stay free"
            )
        if needed and over_cap > removable:
            raise NoRoom(f"{gigabytes(needed)} do not fit into data.cache_max_gb beside what other trainings use now")
        excess = max(over_cap, over_disk)
        for path in unused:
            if excess <= 0:
                break
            path.unlink()
            excess -= files[path].st_size


def gigabytes(number: int) -> str:
    return f"{number / GIGABYTE:,.2f} GB"


def _is_unused(path: Path) -> bool:
    """Whether no process has the file open, and it is ours to remove."""
    try:
        with open(path, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
