"""Derive errors and warnings from the folders of a dataset, without reading a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from trainer.dataset.formats import is_heif
from trainer.dataset.imagefolder import count_endings, name_problem, readable
from trainer.dataset.inventory import Inventory, SplitInventory
from trainer.dataset.phrases import images, some
from trainer.dataset.splits import VAL_SHARE, split_of
from trainer.preflight.finding import MAX_FILES, Finding, about_files

INSTALL_HEIF = "install pillow-heif (pip install pillow-heif) or convert them"
WITHOUT = {
    "val": f"a training validates on {VAL_SHARE:.0%} of the train images, or the share that data.val_share sets",
    "test": "a training reports on the val images, or on the share of the train images that data.test_share sets",
}
"""What a training does if this split has no folder."""
MIN_TRAIN_IMAGES = 10
"""A class with fewer train images is reported."""
MAX_IMBALANCE = 10
"""A largest class with this many times the images of the smallest is reported."""


def folder_errors(inventory: Inventory) -> list[Finding]:
    """Find everything that makes a training impossible."""
    if inventory.layout.problem is not None:
        return [Finding("folders", inventory.layout.problem)]
    own = [finding for each in inventory.splits.values() for finding in split_errors(each)]
    classes = {split: _claimed(each) for split, each in inventory.splits.items()}
    return [*own, *class_errors(classes), *_single_images(inventory)]


def split_errors(found: SplitInventory) -> Iterator[Finding]:
    """Find the errors of one split by itself."""
    for each in found.problems[:MAX_FILES]:
        message = f"{found.name_of(each.path)} cannot be read: {each.reason}"
        yield Finding("unreadable_folder", message, found.split)
    if len(found.problems) > MAX_FILES:
        message = f"{found.split}: {len(found.problems) - MAX_FILES:,} more folders cannot be read"
        yield Finding("unreadable_folder", message, found.split)
    for name in found.classes:
        problem = name_problem(name)
        if problem is not None:
            yield Finding(
                "class_name", f"{found.split}: the class folder {name!r} cannot be used: {problem}", found.split
            )
    for name, contents in found.classes.items():
        if contents.ignored and not contents.images:
            advice = f"; {INSTALL_HEIF}" if any(is_heif(path.name) for path in contents.ignored) else ""
            message = f"{found.split}/{readable(name)} has no readable image, only {_by_ending(contents.ignored)}"
            yield about_files("unreadable_class", message + advice, map(found.name_of, contents.ignored), found.split)
    yield from _without_classes(found)


def _without_classes(found: SplitInventory) -> Iterator[Finding]:
    if not _claimed(found) and not found.top.problems:
        loose = f", only {images(len(found.top.images))} outside of class folders" if found.top.images else ""
        yield Finding("classes", f"{found.split} has no class folders with images{loose}", found.split)


def class_errors(classes: Mapping[str, list[str]]) -> Iterator[Finding]:
    """Compare the classes of each split with those of train."""
    claimed = classes["train"]
    if len(claimed) == 1:
        message = (
            f"train has only one class ({claimed[0]}) but needs at least two; each folder directly in train is one"
        )
        yield Finding("classes", message, "train")
    elif claimed and all(map(split_of, claimed)):
        message = f"train has splits ({some(claimed)}) instead of classes: use the train folder among them"
        yield Finding("classes", message, "train")
    for split in [each for each in classes if each != "train"]:
        own = classes[split]
        if not own or not claimed:
            continue
        missing, extra = sorted(set(claimed) - set(own)), sorted(set(own) - set(claimed))
        if missing:
            yield Finding("classes", f"{split} lacks {some(missing)}, which train has", split)
        if extra:
            yield Finding("classes", f"{split} has {some(extra)}, which train lacks", split)


def _single_images(inventory: Inventory) -> Iterator[Finding]:
    single = [name for name, number in inventory.splits["train"].num_images.items() if number == 1]
    if single and "val" in inventory.layout.missing:
        message = f"no val folder, and a class with only one image cannot give one to val: {some(single)}"
        yield Finding("classes", message, "train")


def _claimed(found: SplitInventory) -> list[str]:
    """Return the classes that the folder is meant to have, unreadable ones included."""
    return [readable(name) for name, each in found.classes.items() if each.images or each.ignored or each.problems]


def folder_warnings(inventory: Inventory) -> list[Finding]:
    """Find everything about the folders that may surprise a person."""
    own = [finding for each in inventory.splits.values() for finding in _split_warnings(each)]
    if inventory.layout.problem is not None:
        return own
    return [*_missing(inventory), *_unused(inventory), *own, *_balance(inventory)]


def _unused(inventory: Inventory) -> Iterator[Finding]:
    unused = inventory.layout.unused
    if unused:
        yield Finding("unused_folders", f"unused folders, other than train, val and test: {some(unused)}")


def _missing(inventory: Inventory) -> Iterator[Finding]:
    for split in inventory.layout.missing:
        yield Finding("missing_split", f"no {split} folder: {WITHOUT[split]}", split)


def _split_warnings(found: SplitInventory) -> Iterator[Finding]:
    split = found.split
    heif = [path for path in found.ignored if is_heif(path.name)]
    others = [path for path in found.ignored if not is_heif(path.name)]
    if heif:
        message = f"{split}: cannot read {_by_ending(heif)}; {INSTALL_HEIF}"
        yield about_files("ignored", message, map(found.name_of, heif), split)
    if others:
        message = f"{split}: ignored, because the extension is not an image's: {_by_ending(others)}"
        yield about_files("ignored", message, map(found.name_of, others), split)
    nested = [f"{name} ({some(inner)})" for name, inner in found.inner_folders.items()]
    if nested:
        message = f"{split}: classes that combine the images of their folders: {some(nested)}"
        yield Finding("nested_class", f"{message}; if these folders are the classes, move them up to {split}", split)
    if found.top.images:
        message = f"{split}: ignored, because they are outside of class folders: {images(len(found.top.images))}"
        yield about_files("loose", message, map(found.name_of, found.top.images), split)
    if found.repeated:
        message = f"{split}: ignored, because their images are there already: {len(found.repeated):,} linked folders"
        yield about_files("repeated_folder", message, map(found.name_of, found.repeated), split)


def _balance(inventory: Inventory) -> Iterator[Finding]:
    for each in inventory.splits.values():
        empty = [
            readable(name)
            for name, found in each.classes.items()
            if not (found.images or found.ignored or found.problems)
        ]
        if empty:
            yield Finding(
                "empty_class", f"{each.split}: not classes, because they have no images: {some(empty)}", each.split
            )
    classes = {name: number for name, number in inventory.splits["train"].num_images.items() if number}
    few = [f"{name} ({number})" for name, number in classes.items() if number < MIN_TRAIN_IMAGES]
    if few:
        yield Finding("few_images", f"fewer than {MIN_TRAIN_IMAGES} train images: {some(few)}", "train")
    if classes:
        most, least = max(classes, key=lambda name: classes[name]), min(classes, key=lambda name: classes[name])
        if classes[most] >= MAX_IMBALANCE * classes[least]:
            numbers = f"{most} has {classes[most]:,} train images, {least} {classes[least]:,}"
            yield Finding("imbalance", f"imbalanced classes: {numbers}", "train")


def _files(number: int) -> str:
    return f"{number:,} file{'s' * (number != 1)}"


def _by_ending(files: Iterable[Path]) -> str:
    """Count files by extension, such as `30 files ending in .HEIC, 2 files without an extension`."""
    counts = count_endings(files)
    parts = [
        f"{_files(number)} {f'ending in {each}' if each else 'without an extension'}" for each, number in counts.items()
    ]
    return some(parts)
