"""What a training must know of all its images first: which can be read, and their value range. No torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from trainer.dataset.imagefile import Depth, Look
from trainer.dataset.imagefolder import readable
from trainer.dataset.invalid import DataInvalid
from trainer.dataset.threads import Tell
from trainer.dataset.valuerange import Extremes, ValueRange, find_range
from trainer.experiment.data import Data
from trainer.preparation.images import Split
from trainer.preparation.inspection import inspect

MAX_NAMED = 3
Looks = dict[str, list[Look]]
"""By split, in its order."""


@dataclass(frozen=True)
class Prepared:
    """The images as they will be trained on."""

    splits: dict[str, Split]
    """Each without its unreadable images, which it names."""
    value_range: ValueRange | None
    """Of images with more than 8 bits per channel; None: there are no such images."""
    train_digests: list[bytes]
    """Of the train images' content, in their order."""


def prepare(
    splits: dict[str, Split], data: Data, cache_dir: Path, names_file: Path, say: Callable[[str], object], tell: Tell
) -> Prepared:
    """Inspect all images. `cache_dir` remembers what was seen; `names_file` gets the name of each unreadable image.

    Raises DataInvalid for unreadable images unless data.skip_unreadable is set.
    """
    depth = Depth.PIXELS if data.skip_unreadable else Depth.DEEP_IMAGES
    looks = {name: inspect(split, cache_dir, depth, tell) for name, split in splits.items()}
    everything = [line for name, split in splits.items() for line in _unreadable(name, split, looks[name])]
    if everything:
        names_file.write_text("".join(f"{line}\n" for line in everything), "utf-8")
        if not data.skip_unreadable:
            raise DataInvalid(
                f"{_images(len(everything))} cannot be read: {_some(everything, names_file)}. Replace or remove them,"
                " or set data.skip_unreadable to train without them"
            )
        say(f"{_images(len(everything))} left out because they cannot be read: {_some(everything, names_file)}")
    measured = [each.extremes for seen in looks.values() for each in seen if each.extremes is not None]
    value_range = ValueRange.of(data.value_range) or (find_range(measured) if measured else None)
    if measured and value_range:
        _say_range(value_range, measured, say)
    return Prepared(
        {name: _readable(name, split, looks[name]) for name, split in splits.items()},
        value_range,
        [seen.digest for seen in looks["train"] if seen.problem is None],
    )


def _unreadable(name: str, split: Split, looks: list[Look]) -> tuple[str, ...]:
    return tuple(
        f"{name}/{readable(os.path.relpath(path, split.path))}: {seen.problem}"
        for path, seen in zip(split.paths, looks)
        if seen.problem is not None
    )


def _readable(name: str, split: Split, looks: list[Look]) -> Split:
    """The split without its unreadable images. Raises DataInvalid if a class has no other."""
    kept = [index for index, seen in enumerate(looks) if seen.problem is None]
    labels = tuple(split.labels[index] for index in kept)
    lost = [class_name for label, class_name in enumerate(split.class_names) if label not in set(labels)]
    if lost:
        raise DataInvalid(f"{name}: no image can be read of the class {lost[0]}")
    paths = tuple(split.paths[index] for index in kept)
    return replace(split, paths=paths, labels=labels, unreadable=_unreadable(name, split, looks))


def _say_range(value_range: ValueRange, measured: list[Extremes], say: Callable[[str], object]) -> None:
    found = ValueRange(min(each.low for each in measured), max(each.high for each in measured))
    say(
        f"value range: {value_range} become black to white in {_images(len(measured))} with more than 8 bits per"
        f" channel, whose values are {found}"
    )
    flat = sum(map(value_range.flattens, measured))
    if flat:
        say(f"warning: {_images(flat)} become a single grey level in this value range (data.value_range)")


def _some(lines: list[str], names_file: Path) -> str:
    more = f" and {len(lines) - MAX_NAMED:,} more, listed in {names_file}" if len(lines) > MAX_NAMED else ""
    return ", ".join(lines[:MAX_NAMED]) + more


def _images(count: int) -> str:
    return f"{count:,} image{'s' * (count != 1)}"
