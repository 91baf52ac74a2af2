"""Find the splits of a dataset: DATASET/{train,val,test}, or folders with other common names. No Pillow, no torch."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from trainer.dataset.imagefolder import holds_images, list_folder, readable
from trainer.dataset.phrases import some

SPLITS = ("train", "val", "test")
NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "validate", "dev"),
    "test": ("test", "testing"),
}
"""The names that a split's folder may have, in upper or lower case."""
VAL_SHARE = 0.15
"""The share of the train images that becomes the val split, unless an experiment sets another."""


@dataclass(frozen=True)
class Layout:
    """The folders of a dataset's splits. val and test may be missing."""

    folders: dict[str, Path]
    problem: str | None = None
    """Why the dataset cannot be trained on, and what to do about it."""
    unused: list[str] = field(default_factory=list)
    """Names of the other folders in the dataset."""

    @property
    def missing(self) -> list[str]:
        return [split for split in SPLITS if split not in self.folders]


def find_layout(dataset: Path) -> Layout:
    """Find the splits by the names of the folders. An error becomes the `problem`, never an exception."""
    found = list_folder(dataset)
    named = {split: [path for path in found.folders if split_of(path.name) == split] for split in SPLITS}
    folders = {split: paths[0] for split, paths in named.items() if paths}
    unused = [path for path in found.folders if split_of(path.name) is None]
    closed = [each for each in found.problems if each.path == dataset or split_of(each.path.name)]
    problems = [f"{readable(str(each.path))} cannot be read: {each.reason}" for each in closed]
    problem = "; ".join(problems) or _problem(readable(str(dataset)), named, unused)
    return Layout(folders, problem, [readable(path.name) for path in unused])


def split_of(name: str) -> str | None:
    """Return the split that a folder of this name holds, in upper or lower case."""
    return next((split for split, names in NAMES.items() if name.lower() in names), None)


def _problem(dataset: str, named: dict[str, list[Path]], unused: list[Path]) -> str | None:
    for split, paths in named.items():
        if len(paths) > 1:
            names = " and ".join(path.name for path in paths)
            return f"{dataset} has {names}, but only one folder can be {split}: rename or remove the others"
    if named["train"]:
        return None
    inner = [readable(path.name) for path in unused if _has_train(path)]
    if len(inner) == 1:
        return f"{dataset} has no train folder, but {inner[0]} inside has one: move the contents of {inner[0]} up"
    if inner:
        return f"{dataset} has no train folder, but {some(inner)} inside have one: it needs train/CLASS/IMAGE"
    classes = [readable(path.name) for path in unused if holds_images(path)]
    if len(classes) > 1 and not any(named.values()):
        splits = f"divide it with `python -m trainer.split {shlex.quote(dataset)}`"
        return f"{dataset} has no train folder, only class folders ({some(classes)}): {splits}"
    return f"{dataset} has no train folder: it needs train/CLASS/IMAGE, and may have val and test folders"


def _has_train(folder: Path) -> bool:
    return any(split_of(each.name) == "train" for each in list_folder(folder).folders)
