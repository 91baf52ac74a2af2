"""Make the val or test images that a dataset lacks: a part of the train images of each class, copies kept together."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from trainer.dataset.invalid import DataInvalid
from trainer.dataset.splits import SPLITS, some
from trainer.experiment.data import Data
from trainer.preparation.images import Split, SplitOff

Digests = Callable[[Split], Sequence[bytes]]
"""Digest the content of each image of a split."""


def complete(splits: dict[str, Split], data: Data, seed: int, digests_of: Digests) -> dict[str, Split]:
    """Return the splits with val, and test where `data.test_share` asks for it, split off train if they are missing.

    The same files, shares and seed give the same splits. Raises DataInvalid where a class has too few images.
    """
    shares = {name: share for name, share in (("test", data.test_share), ("val", data.val_share)) if share}
    missing = {name: share for name, share in shares.items() if name not in splits}
    if not missing:
        return splits
    train = splits["train"]
    digests = dict(zip(train.paths, digests_of(train), strict=True))
    made: dict[str, Split] = {}
    left = 1.0
    for name, share in missing.items():
        train, part = split_off(train, [digests[path] for path in train.paths], share / left, seed, name)
        made[name] = replace(part, origin=SplitOff(share, seed), unreadable=())
        left -= share
    whole = splits | made | {"train": train}
    return {name: whole[name] for name in SPLITS if name in whole}


def split_off(
    split: Split, digests: Sequence[bytes], share: float, seed: int, name: str = "part"
) -> tuple[Split, Split]:
    """Return (rest, part): the part has about `share` of the images of each class, one at least; so has the rest.

    Images with the same digest, copies of each other, end up on one side. Which images are chosen depends on `seed` and
    their names alone, so images that are added later move few of the others. Raises DataInvalid where a class is too
    small, with `name` for what was to be made.
    """
    totals = Counter(split.labels)
    wanted = {label: min(total - 1, max(1, round(share * total))) for label, total in totals.items()}
    taken: Counter[int] = Counter()
    chosen: set[int] = set()
    for group in _groups(split, digests, seed):
        labels = Counter(split.labels[index] for index in group)
        # A group larger than what is wanted is better than nothing, if it is not all that there is.
        most = {label: wanted[label] if taken[label] else max(wanted[label], totals[label] - 1) for label in labels}
        if all(taken[label] < wanted[label] and taken[label] + labels[label] <= most[label] for label in labels):
            taken += labels
            chosen.update(group)
    lacking = [split.class_names[label] for label in totals if not taken[label]]
    if lacking:
        raise DataInvalid(
            f"no {name} images can be split off the train images: every class needs at least two different ones, "
            f"and these have fewer: {some(lacking)}; add images or give a {name} folder: {split.path}"
        )
    return _part(split, (index for index in range(len(split)) if index not in chosen)), _part(split, sorted(chosen))


def _groups(split: Split, digests: Sequence[bytes], seed: int) -> list[list[int]]:
    """The indices of the images, copies together: single images first, in an order that `seed` shuffles."""
    copies: dict[bytes, list[int]] = defaultdict(list)
    for index, digest in enumerate(digests):
        copies[digest].append(index)

    def rank(group: list[int]) -> tuple[int, bytes]:
        name = os.fsencode(split.paths[group[0]].relative_to(split.path))
        return len(group), hashlib.blake2b(b"%d/%s" % (seed, name), digest_size=16).digest()

    return sorted(copies.values(), key=rank)


def _part(split: Split, indices: Iterable[int]) -> Split:
    chosen = list(indices)
    paths = tuple(split.paths[index] for index in chosen)
    return replace(split, paths=paths, labels=tuple(split.labels[index] for index in chosen))
