"""Derive errors and warnings from the inspections of all images."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from statistics import median

from trainer.dataset.imagefile import Inspection
from trainer.dataset.inventory import ImageFile, Inventory
from trainer.dataset.phrases import images
from trainer.dataset.splits import SPLITS
from trainer.dataset.valuerange import Extremes, ValueRange, find_range
from trainer.preflight.check import Inspections
from trainer.preflight.finding import Finding, about_files
from trainer.preflight.folders import folder_errors, folder_warnings

MAX_SIZE_RATIO = 4
"""A side is odd if it is this many times longer or shorter than the median side or the other side."""


def find_errors(inventory: Inventory, inspections: Inspections) -> list[Finding]:
    """Find everything that makes a training impossible."""
    return [*folder_errors(inventory), *_unreadable(inspections)]


def find_warnings(inventory: Inventory, inspections: Inspections) -> list[Finding]:
    """Find everything that may harm the result of a training."""
    readable = {file: seen for file, seen in inspections.items() if seen.problem is None}
    return [
        *_extent(inventory, inspections),
        *folder_warnings(inventory),
        *_duplicates(readable),
        *_odd_sizes(readable),
        *_odd_channels(readable),
        *_odd_values(readable),
        *_unused_frames(readable),
    ]


def _unreadable(inspections: Inspections) -> Iterator[Finding]:
    for split in SPLITS:
        files = [
            f"{file.name}: {seen.problem}" for file, seen in inspections.items() if seen.problem and file.split == split
        ]
        if files:
            message = f"{images(len(files))} cannot be read (data.skip_unreadable trains without them)"
            yield about_files("unreadable", message, files, split)


def _extent(inventory: Inventory, inspections: Inspections) -> Iterator[Finding]:
    """Report the images that were not checked or not decoded."""
    total = len(inventory.files)
    num_decoded = sum(1 for seen in inspections.values() if seen.is_decoded or seen.problem)
    if len(inspections) < total:
        yield Finding("incomplete", f"only {len(inspections):,} of {total:,} images were checked")
    if num_decoded < len(inspections):
        rest = "the others may be truncated, because only their headers were read"
        yield Finding("not_decoded", f"{num_decoded:,} of {len(inspections):,} images were decoded; {rest}")


def _duplicates(inspections: Inspections) -> Iterator[Finding]:
    same: dict[bytes, list[ImageFile]] = defaultdict(list)
    for file, seen in inspections.items():
        same[seen.digest].append(file)
    groups = [sorted(files, key=lambda file: file.name) for files in same.values() if len(files) > 1]
    for split, other in (("val", "train"), ("test", "train"), ("test", "val")):
        leaks = []
        for group in groups:
            first = next((file for file in group if file.split == other), None)
            leaks += [f"{file.name} = {first.name}" for file in group if first and file.split == split]
        if leaks:
            yield about_files("leakage", f"{split} shares {images(len(leaks))} with {other}", leaks, split)
    torn = [" = ".join(file.name for file in group) for group in groups if len({f.class_name for f in group}) > 1]
    if torn:
        yield about_files("contradiction", "the same image is in several classes", torn)
    for split in SPLITS:
        inside = [[file.name for file in group if file.split == split] for group in groups]
        copies = [f"{name} = {names[0]}" for names in inside for name in names[1:]]
        if copies:
            yield about_files(
                "duplicates",
                f"{split} has {len(copies):,} {'copy' if len(copies) == 1 else 'copies'} of other images",
                copies,
                split,
            )


def _odd_sizes(inspections: Inspections) -> Iterator[Finding]:
    if not inspections:
        return
    usual: float = median((seen.width * seen.height) ** 0.5 for seen in inspections.values())

    def is_odd(seen: Inspection) -> bool:
        short, long = sorted((seen.width, seen.height))
        return long >= MAX_SIZE_RATIO * min(usual, short) or short * MAX_SIZE_RATIO <= usual

    odd = [f"{file.name}: {seen.width} x {seen.height}" for file, seen in inspections.items() if is_odd(seen)]
    if odd:
        yield about_files("odd_sizes", f"unusual size: {images(len(odd))} (the median side is {usual:.0f} pixels)", odd)


def _odd_channels(inspections: Inspections) -> Iterator[Finding]:
    kinds = Counter(map(channels, inspections.values()))
    if len(kinds) < 2:
        return
    usual = kinds.most_common(1)[0][0]
    odd = [f"{file.name}: {kind}" for file, seen in inspections.items() if (kind := channels(seen)) != usual]
    yield about_files(
        "odd_channels", f"most images are {usual}, but {images(len(odd))} {'is' if len(odd) == 1 else 'are'} not", odd
    )


def _odd_values(inspections: Inspections) -> Iterator[Finding]:
    measured = {file.name: seen.extremes for file, seen in inspections.items() if seen.extremes is not None}
    if not measured:
        return
    value_range = find_range(measured.values())
    shown = f"with the value range {value_range}; set data.value_range to change it"
    flat = [f"{name}: {_span(each)}" for name, each in measured.items() if value_range.flattens(each)]
    if flat:
        yield about_files("flat_values", f"a single grey level: {images(len(flat))} {shown}", flat)
    cut = [f"{name}: {_span(each)}" for name, each in measured.items() if value_range.cuts(each)]
    if cut:
        yield about_files("cut_values", f"outliers cut off: {images(len(cut))} {shown}", cut)
    gaps = [name for name, each in measured.items() if each.has_gaps]
    if gaps:
        yield about_files("gaps", f"NaN (shown black) or infinite values: {images(len(gaps))}", gaps)


def _unused_frames(inspections: Inspections) -> Iterator[Finding]:
    several = [file.name for file, seen in inspections.items() if seen.has_more_frames]
    if several:
        message = f"several pages or frames, of which only the first is used: {images(len(several))}"
        yield about_files("unused_frames", message, several)


def _span(extremes: Extremes) -> str:
    return str(ValueRange(extremes.low, extremes.high))


def channels(seen: Inspection) -> str:
    """Name the kind of an image's pixels, such as `grey` or `16-bit colour`."""
    if seen.mode.startswith(("I", "F")):
        return {"F": "float grey", "I": "32-bit grey"}.get(seen.mode, "16-bit grey")
    if seen.is_deep:
        kind = "16-bit colour"
    else:
        kind = "grey" if seen.mode in ("1", "L", "LA", "La") else "palette" if seen.mode in ("P", "PA") else "colour"
    return f"{kind} with transparency" if seen.has_alpha else kind
