"""The images of a dataset, split by split: found, checked, read. No torch.

What counts as a class and as an image is trainer.imagefolder's to say.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from trainer.imagefile import UNREADABLE
from trainer.imagefolder import image_paths, list_classes
from trainer.imageformats import formats

SPLITS = ("train", "val", "test")


class DataInvalid(ValueError):
    """The images cannot be trained on; the message says why and what would be right."""


@dataclass(frozen=True)
class Split:
    """The images of one split: `labels[i]` is the index of `paths[i]`'s class in `class_names`."""

    path: Path
    class_names: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.paths)


def find_splits(folders: dict[str, Path]) -> dict[str, Split]:
    """Find the images of train, val and test. Raises DataInvalid where they do not make up one dataset."""
    splits = {name: find_split(name, folders[name]) for name in SPLITS}
    train = splits["train"]
    for name in ("val", "test"):
        missing = sorted(set(train.class_names) - set(splits[name].class_names))
        extra = sorted(set(splits[name].class_names) - set(train.class_names))
        if missing or extra:
            said = [f"{name} lacks {_some(missing)}"] * bool(missing) + [f"train lacks {_some(extra)}"] * bool(extra)
            needed = "each needs a folder with images in both"
            raise DataInvalid(f"classes differ between train and {name}: {' and '.join(said)}; {needed}")
    if len(train.class_names) < 2:
        raise DataInvalid(f"train has one class only ({train.class_names[0]}); at least two are needed: {train.path}")
    return splits


def find_split(name: str, path: Path) -> Split:
    """Find the images of the split `name` in `path`. Raises DataInvalid where there are none."""
    if not path.is_dir():
        raise DataInvalid(f"{name} data directory does not exist: {path}")
    class_names = tuple(list_classes(path))
    if not class_names:
        raise DataInvalid(f"{name} data directory has no class folders with images: {path}")
    paths: list[Path] = []
    labels: list[int] = []
    for label, class_name in enumerate(class_names):
        found = image_paths(path / class_name)
        paths += found
        labels += [label] * len(found)
    return Split(path, class_names, tuple(paths), tuple(labels))


def read_content(path: Path) -> bytes:
    """Read the file of an image. Raises DataInvalid, naming it."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataInvalid(f"image cannot be read: {path}: {error}") from error


def read_image(path: Path, channels: int, size: int, content: bytes | None = None) -> NDArray[np.uint8]:
    """Read an image as (size, size, channels) uint8, as `open_image` shows it. Raises DataInvalid, naming the file."""
    image = open_image(path, channels, content)
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.array(image, dtype=np.uint8).reshape(size, size, channels)


def open_image(path: Path, channels: int, content: bytes | None = None) -> Image.Image:
    """Open an image in its own size, grey or RGB, turned as its EXIF data say; of several frames the first.

    16 bits are scaled to 8. What is transparent shows white, as on a page: the colours hidden there mean nothing.
    `content` is what the file holds, where it was read already. Raises DataInvalid, naming the file.
    """
    try:
        with Image.open(path if content is None else io.BytesIO(content), formats=formats()) as file:
            image: Image.Image = ImageOps.exif_transpose(file)
            if image.mode.startswith("I"):
                # Pillow would cut 16-bit values off at 255 instead of scaling them.
                image = Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
            if image.has_transparency_data:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            return image.convert("L" if channels == 1 else "RGB")
    except UNREADABLE as error:
        raise DataInvalid(f"image cannot be read, replace or remove it: {path}: {error}") from error


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
