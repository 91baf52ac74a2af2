"""What the check of a dataset found: what makes a training impossible, and what a person should know."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from trainer.imagefile import Look
from trainer.preflight.check import Looks
from trainer.preflight.inventory import SPLITS, ImageFile, Inventory

MAX_FILES = 20
"""So many files are named; all are counted."""
MIN_TRAIN_IMAGES = 10
"""A class with fewer to train on is told of."""
MAX_IMBALANCE = 10
"""From so many times the smallest class's images on, the largest is told of."""
MAX_SIZE_RATIO = 4
"""A side so many times longer or shorter than the median one, or than the other side, is odd."""


@dataclass(frozen=True)
class Finding:
    kind: str
    message: str
    split: str | None = None
    """The split at fault, if it is one."""
    count: int = 0
    """How many files it is about."""
    files: tuple[str, ...] = ()
    """The first of them."""

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "split": self.split,
            "message": self.message,
            "count": self.count,
            "files": list(self.files),
        }


def find_errors(inventory: Inventory, looks: Looks) -> list[Finding]:
    """Find what makes a training impossible."""
    return [*_class_errors(inventory), *_unreadable(looks)]


def find_warnings(inventory: Inventory, looks: Looks) -> list[Finding]:
    """Find what does not keep anybody from training, but may spoil the result."""
    readable = {file: seen for file, seen in looks.items() if seen.problem is None}
    return [
        *_extent(inventory, looks),
        *_duplicates(readable),
        *_balance(inventory),
        *_odd_sizes(readable),
        *_odd_channels(readable),
    ]


def _class_errors(inventory: Inventory) -> Iterator[Finding]:
    train = inventory.class_names("train")
    if len(train) < 2:
        there_is = f"one class only ({train[0]})" if train else "no class folders with images"
        yield Finding("classes", f"train has {there_is}; at least two classes are needed", "train")
    for split in ("val", "test"):
        own = inventory.class_names(split)
        missing, extra = sorted(set(train) - set(own)), sorted(set(own) - set(train))
        if missing:
            yield Finding("classes", f"{split} lacks {_some(missing)}, which train has", split)
        if extra:
            yield Finding("classes", f"{split} has {_some(extra)}, which train lacks", split)


def _unreadable(looks: Looks) -> Iterator[Finding]:
    for split in SPLITS:
        files = [f"{file.name}: {seen.problem}" for file, seen in looks.items() if seen.problem and file.split == split]
        if files:
            yield _finding("unreadable", f"{_images(len(files))} cannot be read", files, split)


def _extent(inventory: Inventory, looks: Looks) -> Iterator[Finding]:
    """Tell what was left out, so that silence is not taken for a promise."""
    total = len(inventory.files)
    num_decoded = sum(1 for seen in looks.values() if seen.is_decoded or seen.problem)
    if len(looks) < total:
        yield Finding("incomplete", f"only {len(looks):,} of {total:,} images were checked")
    if num_decoded < len(looks):
        rest = "of the rest only the header was, so truncated ones may be among them"
        yield Finding("not_decoded", f"{num_decoded:,} of {len(looks):,} images were decoded; {rest}")


def _duplicates(looks: Looks) -> Iterator[Finding]:
    same: dict[bytes, list[ImageFile]] = defaultdict(list)
    for file, seen in looks.items():
        same[seen.digest].append(file)
    groups = [sorted(files, key=lambda file: file.name) for files in same.values() if len(files) > 1]
    for split, other in (("val", "train"), ("test", "train"), ("test", "val")):
        leaks = []
        for group in groups:
            first = next((file for file in group if file.split == other), None)
            leaks += [f"{file.name} = {first.name}" for file in group if first and file.split == split]
        if leaks:
            yield _finding("leakage", f"{_images(len(leaks))} of {split} are in {other} too", leaks, split)
    torn = [" = ".join(file.name for file in group) for group in groups if len({f.class_name for f in group}) > 1]
    if torn:
        yield _finding("contradiction", "the same image is in several classes", torn)
    for split in SPLITS:
        inside = [[file.name for file in group if file.split == split] for group in groups]
        copies = [f"{name} = {names[0]}" for names in inside for name in names[1:]]
        if copies:
            yield _finding(
                "duplicates", f"{_images(len(copies))} of {split} are copies of another there", copies, split
            )


def _balance(inventory: Inventory) -> Iterator[Finding]:
    for split in SPLITS:
        empty = [name for name, number in inventory.num_images[split].items() if not number]
        if empty:
            yield Finding("empty_class", f"{split}: no images in {_some(empty)}, which is no class therefore", split)
    classes = {name: number for name, number in inventory.num_images["train"].items() if number}
    few = [f"{name} ({number})" for name, number in classes.items() if number < MIN_TRAIN_IMAGES]
    if few:
        yield Finding("few_images", f"fewer than {MIN_TRAIN_IMAGES} train images: {_some(few)}", "train")
    if classes:
        most, least = max(classes, key=lambda name: classes[name]), min(classes, key=lambda name: classes[name])
        if classes[most] >= MAX_IMBALANCE * classes[least]:
            told = f"{most} has {classes[most]:,} train images, {least} {classes[least]:,}"
            yield Finding("imbalance", f"classes are out of balance: {told}", "train")


def _odd_sizes(looks: Looks) -> Iterator[Finding]:
    if not looks:
        return
    usual: float = median((seen.width * seen.height) ** 0.5 for seen in looks.values())

    def is_odd(seen: Look) -> bool:
        short, long = sorted((seen.width, seen.height))
        return long >= MAX_SIZE_RATIO * min(usual, short) or short * MAX_SIZE_RATIO <= usual

    odd = [f"{file.name}: {seen.width} x {seen.height}" for file, seen in looks.items() if is_odd(seen)]
    if odd:
        yield _finding("odd_sizes", f"{_images(len(odd))} are of odd size (usual: {usual:.0f} pixels a side)", odd)


def _odd_channels(looks: Looks) -> Iterator[Finding]:
    kinds = Counter(map(channels, looks.values()))
    if len(kinds) < 2:
        return
    usual = kinds.most_common(1)[0][0]
    odd = [f"{file.name}: {kind}" for file, seen in looks.items() if (kind := channels(seen)) != usual]
    yield _finding("odd_channels", f"{_images(len(odd))} are not {usual} as most are", odd)


def channels(seen: Look) -> str:
    """Say what an image's pixels are, as people call it."""
    if seen.mode.startswith(("I", "F")):
        return "32-bit float grey" if seen.mode == "F" else "16-bit grey"
    kind = "grey" if seen.mode in ("1", "L", "LA", "La") else "palette" if seen.mode in ("P", "PA") else "colour"
    return f"{kind} with transparency" if seen.has_alpha else kind


def _finding(kind: str, message: str, files: Iterable[str], split: str | None = None) -> Finding:
    names = sorted(files)
    return Finding(kind, message, split, len(names), tuple(names[:MAX_FILES]))


def _images(number: int) -> str:
    return f"{number:,} image{'s' * (number != 1)}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
