"""What the check of a dataset found: what makes a training impossible, and what a person should know."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from statistics import median

from trainer.dataset.imagefile import Look
from trainer.dataset.inventory import ImageFile, Inventory
from trainer.dataset.splits import SPLITS
from trainer.dataset.valuerange import Extremes, ValueRange, find_range
from trainer.preflight.check import Looks
from trainer.preflight.finding import Finding, about_files, images
from trainer.preflight.folders import folder_errors, folder_warnings

MAX_SIZE_RATIO = 4
"""A side so many times longer or shorter than the median one, or than the other side, is odd."""


def find_errors(inventory: Inventory, looks: Looks) -> list[Finding]:
    """Find what makes a training impossible."""
    return [*folder_errors(inventory), *_unreadable(looks)]


def find_warnings(inventory: Inventory, looks: Looks) -> list[Finding]:
    """Find what does not keep anybody from training, but may spoil the result."""
    readable = {file: seen for file, seen in looks.items() if seen.problem is None}
    return [
        *_extent(inventory, looks),
        *folder_warnings(inventory),
        *_duplicates(readable),
        *_odd_sizes(readable),
        *_odd_channels(readable),
        *_odd_values(readable),
    ]


def _unreadable(looks: Looks) -> Iterator[Finding]:
    for split in SPLITS:
        files = [f"{file.name}: {seen.problem}" for file, seen in looks.items() if seen.problem and file.split == split]
        if files:
            message = f"{images(len(files))} cannot be read (data.skip_unreadable trains without them)"
            yield about_files("unreadable", message, files, split)


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
            yield about_files("leakage", f"{images(len(leaks))} of {split} are in {other} too", leaks, split)
    torn = [" = ".join(file.name for file in group) for group in groups if len({f.class_name for f in group}) > 1]
    if torn:
        yield about_files("contradiction", "the same image is in several classes", torn)
    for split in SPLITS:
        inside = [[file.name for file in group if file.split == split] for group in groups]
        copies = [f"{name} = {names[0]}" for names in inside for name in names[1:]]
        if copies:
            yield about_files(
                "duplicates", f"{images(len(copies))} of {split} are copies of another there", copies, split
            )


def _odd_sizes(looks: Looks) -> Iterator[Finding]:
    if not looks:
        return
    usual: float = median((seen.width * seen.height) ** 0.5 for seen in looks.values())

    def is_odd(seen: Look) -> bool:
        short, long = sorted((seen.width, seen.height))
        return long >= MAX_SIZE_RATIO * min(usual, short) or short * MAX_SIZE_RATIO <= usual

    odd = [f"{file.name}: {seen.width} x {seen.height}" for file, seen in looks.items() if is_odd(seen)]
    if odd:
        yield about_files("odd_sizes", f"{images(len(odd))} are of odd size (usual: {usual:.0f} pixels a side)", odd)


def _odd_channels(looks: Looks) -> Iterator[Finding]:
    kinds = Counter(map(channels, looks.values()))
    if len(kinds) < 2:
        return
    usual = kinds.most_common(1)[0][0]
    odd = [f"{file.name}: {kind}" for file, seen in looks.items() if (kind := channels(seen)) != usual]
    yield about_files("odd_channels", f"{images(len(odd))} are not {usual} as most are", odd)


def _odd_values(looks: Looks) -> Iterator[Finding]:
    measured = {file.name: seen.extremes for file, seen in looks.items() if seen.extremes is not None}
    if not measured:
        return
    value_range = find_range(measured.values())
    shown = f"when {value_range} become black to white; set data.value_range if others should"
    flat = [f"{name}: {_span(each)}" for name, each in measured.items() if value_range.flattens(each)]
    if flat:
        yield about_files("flat_values", f"{images(len(flat))} become a single grey level {shown}", flat)
    cut = [f"{name}: {_span(each)}" for name, each in measured.items() if value_range.cuts(each)]
    if cut:
        yield about_files("cut_values", f"outliers in {images(len(cut))} are cut off {shown}", cut)
    gaps = [name for name, each in measured.items() if each.has_gaps]
    if gaps:
        yield about_files("gaps", f"{images(len(gaps))} hold NaN (shown black) or infinite values", gaps)


def _span(extremes: Extremes) -> str:
    return str(ValueRange(extremes.low, extremes.high))


def channels(seen: Look) -> str:
    """Say what an image's pixels are, as people call it."""
    if seen.mode.startswith(("I", "F")):
        return {"F": "float grey", "I": "32-bit grey"}.get(seen.mode, "16-bit grey")
    if seen.is_deep:
        kind = "16-bit colour"
    else:
        kind = "grey" if seen.mode in ("1", "L", "LA", "La") else "palette" if seen.mode in ("P", "PA") else "colour"
    return f"{kind} with transparency" if seen.has_alpha else kind
