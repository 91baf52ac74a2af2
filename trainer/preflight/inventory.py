"""Which images a dataset has, split by split, and in which state they are. Reads names and times, no content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from trainer.imagefolder import class_folders, image_paths

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class ImageFile:
    split: str
    class_name: str
    path: Path
    name: str
    """SPLIT/CLASS/FILE, for people; bytes of a file's name that are no text are replaced."""


@dataclass(frozen=True)
class Inventory:
    """The images found. Class folders without images are counted too, as 0."""

    folders: dict[str, Path]
    num_images: dict[str, dict[str, int]]
    """By split and class."""
    files: tuple[ImageFile, ...]
    state: str
    """Changes with every folder's place and every image's name, size or time of change."""

    def class_names(self, split: str) -> list[str]:
        """The classes that have images, which alone count as classes."""
        return [name for name, number in self.num_images[split].items() if number]


def take_inventory(folders: Mapping[str, Path]) -> Inventory:
    """List the images of the three splits. Raises OSError where a folder cannot be read."""
    num_images: dict[str, dict[str, int]] = {}
    files: list[ImageFile] = []
    for split in SPLITS:
        found = list(_find(split, folders[split]))
        names = map(readable, class_folders(folders[split]))
        num_images[split] = dict.fromkeys(names, 0)
        for file in found:
            num_images[split][file.class_name] += 1
        files += found
    return Inventory(dict(folders), num_images, tuple(files), _state(folders, files))


def readable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "replace")


def _find(split: str, folder: Path) -> Iterator[ImageFile]:
    for class_name in class_folders(folder):
        for path in image_paths(folder / class_name):
            name = f"{split}/{readable(path.relative_to(folder).as_posix())}"
            yield ImageFile(split, readable(class_name), path, name)


def _state(folders: Mapping[str, Path], files: list[ImageFile]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for split in SPLITS:
        # With the class folders: an empty one is told of as well.
        digest.update(repr((os.fsencode(folders[split]), class_folders(folders[split]))).encode("utf-8", "replace"))
    for file in files:
        try:
            status = os.stat(file.path)
            seen = (status.st_size, status.st_mtime_ns)
        except OSError:  # a link that leads nowhere, or a file removed just now
            seen = (-1, -1)
        digest.update(os.fsencode(file.path) + repr(seen).encode())
    return digest.hexdigest()
