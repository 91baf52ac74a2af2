"""Split off val or test images that a dataset lacks from its train images, by class and with copies on one side."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from trainer.dataset.invalid import DataInvalid
from trainer.dataset.phrases import some
from trainer.dataset.splits import SPLITS
from trainer.preparation.images import Split, SplitOff


def complete(
    splits: dict[str, Split], shares: Mapping[str, float], seed: int, digests: Sequence[bytes]
) -> dict[str, Split]:
    """Return the splits with those of `shares` that are missing, each taken from train unless its share is 0.

    `digests` are those of the train images. The same files, shares and seed give the same splits. Raises DataInvalid if
    a class has too few images.
    """
    train, made, left = splits["train"], {}, 1.0
    by_path = dict(zip(train.paths, digests, strict=True))
    for name, share in sorted(shares.items()):  # In one order, because each split takes from what is left.
        if share and name not in splits:
            train, part = split_off(train, [by_path[path] for path in train.paths], share / left, seed, name)
            made[name] = replace(part, origin=SplitOff(share, seed), num_unreadable=0)
            left -= share
    whole = splits | made | {"train": train}
    return {name: whole[name] for name in SPLITS if name in whole}


def split_off(split: Split, digests: Sequence[bytes], share: float, seed: int, name: str) -> tuple[Split, Split]:
    """Return (rest, part). The part has about `share` of the images of each class. Both have at least one.

    Images with the same digest stay together. The choice depends only on `seed` and the names of the images, so new
    images move few of the others. Raises DataInvalid if a class is too small. The message calls the part `name`.
    """
    totals = Counter(split.labels)
    wanted = {label: min(total - 1, max(1, round(share * total))) for label, total in totals.items()}
    taken: Counter[int] = Counter()
    chosen: set[int] = set()
    for group in _groups(split, digests, seed):
        labels = Counter(split.labels[index] for index in group)
        # A group that is too large is better than none, unless it is the whole class.
        most = {label: wanted[label] if taken[label] else max(wanted[label], totals[label] - 1) for label in labels}
        if all(taken[label] < wanted[label] and taken[label] + labels[label] <= most[label] for label in labels):
            taken.update(labels)
            chosen.update(group)
    lacking = [split.class_names[label] for label in totals if not taken[label]]
    if lacking:
        raise DataInvalid(
            f"no {name} images can be split off the train images, because these classes have fewer than two different "
            f"ones: {some(lacking)}; add images or give a {name} folder: {split.path}"
        )
    return split.select([i for i in range(len(split)) if i not in chosen]), split.select(sorted(chosen))


def _groups(split: Split, digests: Sequence[bytes], seed: int) -> list[list[int]]:
    """Group the indices of the images by content. Single images come first, in an order that `seed` shuffles."""
    copies: dict[bytes, list[int]] = defaultdict(list)
    for index, digest in enumerate(digests):
        copies[digest].append(index)

    def rank(group: list[int]) -> tuple[int, bytes]:
        name = os.fsencode(split.paths[group[0]].relative_to(split.path))
        return len(group), hashlib.blake2b(b"%d/%s" % (seed, name), digest_size=16).digest()

    return sorted(copies.values(), key=rank)
