"""The images of a training by split. No torch.

trainer.dataset.imagefolder decides what counts as a class and as an image, and trainer.preflight.folders what makes a
training impossible. trainer.dataset.imagefile reads an image.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from trainer.dataset.imagefolder import readable
from trainer.dataset.invalid import DataInvalid
from trainer.dataset.inventory import SplitInventory, take_inventory
from trainer.dataset.splits import SPLITS, Layout
from trainer.preflight.folders import folder_errors, split_errors


@dataclass(frozen=True)
class SplitOff:
    """How a split was taken from the train images, because the dataset has no folder for it."""

    share: float
    seed: int

    def __str__(self) -> str:
        part = f"{100 * self.share:.4g}% of the train images of each class"
        return f"{part}, chosen by seed {self.seed}, copies kept together"


@dataclass(frozen=True)
class Split:
    """The images of one split. `labels[i]` is the index of the class of `paths[i]` in `class_names`."""

    path: Path
    class_names: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: tuple[int, ...]
    origin: SplitOff | None = None
    """None if the split has the images of the folder `path`, without those that another split took."""
    num_unreadable: int = 0
    """The number of unreadable images, which are not among `paths`."""

    def __len__(self) -> int:
        return len(self.paths)

    def select(self, indices: Collection[int]) -> Split:
        """Return a split of these images only."""
        paths = tuple(self.paths[index] for index in indices)
        return replace(self, paths=paths, labels=tuple(self.labels[index] for index in indices))


def find_splits(folders: Mapping[str, Path]) -> dict[str, Split]:
    """Find the images of each split. val and test may be missing. Raises DataInvalid with every error."""
    inventory = take_inventory(Layout(dict(folders)))
    errors = folder_errors(inventory)
    if errors:
        places = ", ".join(f"{split} {found.folder}" for split, found in inventory.splits.items())
        raise DataInvalid(f"{'; '.join(error.message for error in errors)} (folders: {places})")
    return {split: _split(found) for split, found in inventory.splits.items()}


def tested_split(splits: Mapping[str, Split]) -> str:
    """Return the split that the report is about: test, or val if there are no test images."""
    return "test" if "test" in splits else "val"


def describe_splits(splits: Mapping[str, Split]) -> dict[str, Any]:
    """Describe the splits for the card and the report: the number of images and their source. None for no split."""
    return {
        name: {
            "path": readable(str(split.path)),
            "num_images": len(split),
            "num_unreadable": split.num_unreadable,
            "split_off": asdict(split.origin) if split.origin else None,
        }
        if (split := splits.get(name))
        else None
        for name in SPLITS
    }


def find_split(name: str, path: Path) -> Split:
    """Find the images of the split `name` in `path`. Raises DataInvalid if a folder is unreadable or has no classes."""
    found = take_inventory(Layout({name: path})).splits[name]
    errors = [error.message for error in split_errors(found)]
    if errors:
        raise DataInvalid(f"{'; '.join(errors)}: {path}")
    return _split(found)


def _split(found: SplitInventory) -> Split:
    classes = [contents.images for contents in found.classes.values() if contents.images]
    paths = tuple(path for images in classes for path in images)
    labels = tuple(label for label, images in enumerate(classes) for _ in images)
    return Split(found.folder, tuple(found.class_names), paths, labels)
