"""Find the readable images of a training and their value range. No torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from trainer.dataset.imagefile import Depth, Inspection
from trainer.dataset.imagefolder import readable
from trainer.dataset.invalid import DataInvalid
from trainer.dataset.phrases import images
from trainer.dataset.threads import OnProgress
from trainer.dataset.valuerange import Extremes, ValueRange, find_range
from trainer.experiment.data import Data
from trainer.preparation.images import Split
from trainer.preparation.inspection import inspect_split

MAX_NAMED = 3
Inspections = dict[str, list[Inspection]]
"""By split, in the order of its images."""


@dataclass(frozen=True)
class Prepared:
    """The images of a training after the inspection."""

    splits: dict[str, Split]
    """Without unreadable images."""
    value_range: ValueRange | None
    """For images with more than 8 bits per channel. None if there are no such images."""
    train_digests: list[bytes]
    """The digest of each train image, in their order."""


def prepare(
    splits: dict[str, Split],
    data: Data,
    cache_dir: Path,
    names_file: Path,
    log: Callable[[str], object],
    on_progress: OnProgress,
) -> Prepared:
    """Inspect all images. `cache_dir` caches inspections. `names_file` receives the name of each unreadable image.

    Raises DataInvalid for unreadable images unless data.skip_unreadable is set.
    """
    depth = Depth.PIXELS if data.skip_unreadable else Depth.DEEP_IMAGES
    inspections = {name: inspect_split(split, cache_dir, depth, on_progress) for name, split in splits.items()}
    everything = [
        f"{name}/{readable(os.path.relpath(path, split.path))}: {seen.problem}"
        for name, split in splits.items()
        for path, seen in zip(split.paths, inspections[name])
        if seen.problem is not None
    ]
    if everything:
        names_file.write_text("".join(f"{line}\n" for line in everything), "utf-8")
        if not data.skip_unreadable:
            raise DataInvalid(
                f"{images(len(everything))} cannot be read: {_some(everything, names_file)}. Replace or remove them,"
                " or set data.skip_unreadable to train without them"
            )
        log(f"training without {images(len(everything))} that cannot be read: {_some(everything, names_file)}")
    measured = [each.extremes for seen in inspections.values() for each in seen if each.extremes is not None]
    value_range = ValueRange.of(data.value_range) or (find_range(measured) if measured else None)
    if measured and value_range:
        _log_range(value_range, measured, log)
    return Prepared(
        {name: _readable(name, split, inspections[name]) for name, split in splits.items()},
        value_range,
        [seen.digest for seen in inspections["train"] if seen.problem is None],
    )


def _readable(name: str, split: Split, inspections: list[Inspection]) -> Split:
    """Return the split without its unreadable images. Raises DataInvalid if a class loses all images."""
    found = split.select([index for index, seen in enumerate(inspections) if seen.problem is None])
    lost = set(range(len(split.class_names))) - set(found.labels)
    if lost:
        raise DataInvalid(f"{name}: no image of the class {split.class_names[min(lost)]} can be read")
    return replace(found, num_unreadable=len(split) - len(found))


def _log_range(value_range: ValueRange, measured: list[Extremes], log: Callable[[str], object]) -> None:
    found = ValueRange(min(each.low for each in measured), max(each.high for each in measured))
    log(
        f"value range: {value_range}, shown as black to white, for {images(len(measured))} with more than 8 bits per"
        f" channel and values of {found}"
    )
    flat = sum(map(value_range.flattens, measured))
    if flat:
        log(f"warning: this value range (data.value_range) reduces {images(flat)} to a single grey level")


def _some(lines: list[str], names_file: Path) -> str:
    more = f" and {len(lines) - MAX_NAMED:,} more, listed in {names_file}" if len(lines) > MAX_NAMED else ""
    return ", ".join(lines[:MAX_NAMED]) + more
