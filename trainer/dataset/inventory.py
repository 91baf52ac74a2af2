"""Which images a dataset has, split by split, and in which state they are. Reads names and times, no content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from trainer.dataset.imagefolder import Contents, Problem, contents, list_folder, readable
from trainer.dataset.splits import Layout


@dataclass(frozen=True)
class ImageFile:
    split: str
    class_name: str
    path: Path
    name: str
    """SPLIT/CLASS/FILE, for people; bytes of a file's name that are no text are replaced."""


@dataclass
class SplitInventory:
    """What was found of one split. The class folders are in order; those without images are among them."""

    split: str
    folder: Path
    top: Contents
    """What lies directly in the folder of the split."""
    classes: dict[str, Contents] = field(default_factory=dict)
    """By the name of the class folder."""

    @property
    def num_images(self) -> dict[str, int]:
        """Images by class folder."""
        return {readable(name): len(found.images) for name, found in self.classes.items()}

    @property
    def class_names(self) -> list[str]:
        """The classes that have images, which alone count as classes."""
        return [name for name, number in self.num_images.items() if number]

    @property
    def ignored(self) -> list[Path]:
        """Files that are not images by their endings, wherever they lie."""
        return [*self.top.ignored, *(path for found in self.classes.values() for path in found.ignored)]

    @property
    def repeated(self) -> list[Path]:
        return [path for found in self.classes.values() for path in found.repeated]

    @property
    def problems(self) -> list[Problem]:
        return [*self.top.problems, *(problem for found in self.classes.values() for problem in found.problems)]

    def name_of(self, path: Path) -> str:
        """SPLIT/CLASS/FILE, for people."""
        inside = readable(path.relative_to(self.folder).as_posix())
        return self.split if inside == "." else f"{self.split}/{inside}"


@dataclass(frozen=True)
class Inventory:
    layout: Layout
    splits: dict[str, SplitInventory]
    files: tuple[ImageFile, ...]
    """The images of all splits."""
    state: str
    """Changes with every folder's place and every file's name, and with an image's size or time of change."""


def take_inventory(layout: Layout) -> Inventory:
    """List what the folders of the splits hold. What cannot be read is among their problems."""
    splits = {split: _find(split, folder) for split, folder in layout.folders.items()}
    files = tuple(file for each in splits.values() for file in _files(each))
    return Inventory(layout, splits, files, _state(layout, splits.values(), files))


def _find(split: str, folder: Path) -> SplitInventory:
    top = list_folder(folder)
    return SplitInventory(split, folder, top, {each.name: contents(each) for each in top.folders})


def _files(found: SplitInventory) -> Iterable[ImageFile]:
    for name, each in found.classes.items():
        for path in each.images:
            yield ImageFile(found.split, readable(name), path, found.name_of(path))


def _state(layout: Layout, splits: Iterable[SplitInventory], files: Iterable[ImageFile]) -> str:
    digest = hashlib.blake2b(repr((layout.problem, layout.unused)).encode("utf-8", "replace"), digest_size=16)
    for each in splits:
        # An empty class folder, a file that is not an image and what cannot be read are reported as well.
        others = [*each.top.images, *each.ignored, *each.repeated, *each.problems]
        seen = (os.fsencode(each.folder), list(each.classes), others)
        digest.update(repr(seen).encode("utf-8", "replace"))
    for file in files:
        try:
            status = os.stat(file.path)
            times = (status.st_size, status.st_mtime_ns)
        except OSError:  # a link that leads nowhere, or a file removed just now
            times = (-1, -1)
        digest.update(os.fsencode(file.path) + repr(times).encode())
    return digest.hexdigest()
