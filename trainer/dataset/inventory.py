"""List the images of a dataset by split, and fingerprint their state. Reads names and times, no content."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from trainer.dataset.imagefolder import Contents, Problem, contents, list_folder, readable
from trainer.dataset.splits import Layout


@dataclass(frozen=True)
class ImageFile:
    split: str
    class_name: str
    path: Path
    name: str
    """SPLIT/CLASS/FILE as valid text."""


@dataclass
class SplitInventory:
    """The contents of one split. The class folders are sorted and include those without images."""

    split: str
    folder: Path
    top: Contents
    """The entries of the split's folder itself."""
    classes: dict[str, Contents] = field(default_factory=dict)
    """By the name of the class folder."""

    @property
    def num_images(self) -> dict[str, int]:
        """The number of images by class folder."""
        return {readable(name): len(found.images) for name, found in self.classes.items()}

    @property
    def class_names(self) -> list[str]:
        """The classes: the class folders that have images."""
        return [name for name, number in self.num_images.items() if number]

    @cached_property
    def inner_folders(self) -> dict[str, list[str]]:
        """The folders that hold all images of a class, by the name of the class, if it has several and no others."""
        inner = {readable(name): _inner_folders(self.folder / name, found) for name, found in self.classes.items()}
        return {name: folders for name, folders in inner.items() if folders}

    @property
    def ignored(self) -> list[Path]:
        """All files that are not images by their extension."""
        return [*self.top.ignored, *(path for found in self.classes.values() for path in found.ignored)]

    @property
    def repeated(self) -> list[Path]:
        return [path for found in self.classes.values() for path in found.repeated]

    @property
    def problems(self) -> list[Problem]:
        return [*self.top.problems, *(problem for found in self.classes.values() for problem in found.problems)]

    def name_of(self, path: Path) -> str:
        """Return SPLIT/CLASS/FILE as valid text."""
        inside = readable(path.relative_to(self.folder).as_posix())
        return self.split if inside == "." else f"{self.split}/{inside}"


@dataclass(frozen=True)
class Inventory:
    layout: Layout
    splits: dict[str, SplitInventory]

    @cached_property
    def files(self) -> tuple[ImageFile, ...]:
        """The images of all splits."""
        return tuple(
            ImageFile(split.split, readable(name), path, split.name_of(path))
            for split in self.splits.values()
            for name, found in split.classes.items()
            for path in found.images
        )

    @cached_property
    def state(self) -> str:
        """A fingerprint of all folders, all file names, and the present size and modification time of each image."""
        summary = repr((self.layout.problem, self.layout.unused)).encode("utf-8", "replace")
        digest = hashlib.blake2b(summary, digest_size=16)
        for each in self.splits.values():
            # The report also names empty class folders, files that are not images, and unreadable files.
            others = [*each.top.images, *each.ignored, *each.repeated, *each.problems]
            seen = (os.fsencode(each.folder), list(each.classes), others)
            digest.update(repr(seen).encode("utf-8", "replace"))
        for file in self.files:
            try:
                status = os.stat(file.path)
                times = (status.st_size, status.st_mtime_ns)
            except OSError:  # A broken link, or a file that was removed just now.
                times = (-1, -1)
            digest.update(os.fsencode(file.path) + repr(times).encode())
        return digest.hexdigest()


def take_inventory(layout: Layout) -> Inventory:
    """List the contents of the splits. Unreadable files and folders are among their problems."""
    return Inventory(layout, {split: _find(split, folder) for split, folder in layout.folders.items()})


def _find(split: str, folder: Path) -> SplitInventory:
    top = list_folder(folder)
    return SplitInventory(split, folder, top, {each.name: contents(each) for each in top.folders})


def _inner_folders(folder: Path, found: Contents) -> list[str]:
    """List the folders in the innermost folder that holds all images. Empty if an image is in that folder itself."""
    if not found.images or found.images[0].parent == folder:
        return []
    parents = {os.path.dirname(path) for path in found.images}
    common = os.path.commonpath(parents)
    if common in parents:
        return []
    return sorted({readable(Path(parent).relative_to(common).parts[0]) for parent in parents})
