"""Image folders: one folder per class, any image files in it. Standard library only."""

from __future__ import annotations

import os
from pathlib import Path

from trainer.imageformats import is_image


def list_classes(folder: Path) -> list[str]:
    """List the class folders that hold at least one image, sorted: their order is the order of the classes."""
    return sorted(name for name, count in count_images(folder).items() if count)


def count_images(folder: Path) -> dict[str, int]:
    """Count the images of each class folder, nested folders included. Raises OSError when `folder` is unreadable."""
    return {name: sum(1 for _ in image_paths(folder / name)) for name in class_folders(folder)}


def class_folders(folder: Path) -> list[str]:
    """List the folders (and links to folders) that may be classes, sorted. Raises OSError if `folder` is unreadable."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def image_paths(folder: Path) -> list[Path]:
    """List the images below a class folder, sorted."""
    found = []
    for parent, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(parent, name) for name in sorted(names) if not name.startswith(".") and is_image(name)]
    return found
