"""The images that are split off train if a dataset has no val or test folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from trainer.dataset.invalid import DataInvalid
from trainer.preparation.images import Split
from trainer.preparation.stratify import complete, split_off


def split_of(*classes: int) -> Split:
    """Return a split with the given number of images per class."""
    labels = tuple(label for label, count in enumerate(classes) for _ in range(count))
    names = tuple(f"class{label}" for label in range(len(classes)))
    paths = tuple(Path("data", names[label], f"{index}.png") for index, label in enumerate(labels))
    return Split(Path("data"), names, paths, labels)


def different(split: Split) -> list[bytes]:
    """Return digests of images that all differ."""
    return [str(path).encode() for path in split.paths]


def counts(split: Split) -> list[int]:
    per_label = Counter(split.labels)
    return [per_label[label] for label in range(len(split.class_names))]


def test_each_class_gives_its_share_and_no_image_is_lost_or_duplicated() -> None:
    split = split_of(100, 20, 2)
    rest, part = split_off(split, different(split), 0.15, 0, "val")
    assert (counts(part), counts(rest)) == ([15, 3, 1], [85, 17, 1])
    assert sorted([*rest.paths, *part.paths]) == sorted(split.paths)
    assert [path.parent.name for path in part.paths] == [part.class_names[label] for label in part.labels]


def test_the_same_seed_chooses_the_same_images_and_another_seed_chooses_others() -> None:
    split = split_of(50, 50)
    chosen = [split_off(split, different(split), 0.2, seed, "val")[1].paths for seed in (1, 1, 2)]
    assert chosen[0] == chosen[1] != chosen[2]


def test_added_images_change_the_split_of_few_others() -> None:
    before, after = split_of(100, 100), split_of(100, 110)
    chosen = [set(split_off(split, different(split), 0.2, 0, "val")[1].paths) for split in (before, after)]
    assert len(chosen[0] - chosen[1]) <= 2


def test_copies_stay_in_one_split_within_a_class_and_across_classes() -> None:
    split = split_of(40, 40)
    for num_copies in (2, 4, 13):
        digests = [b"%d" % (index % (80 // num_copies)) for index in range(80)]
        rest, part = split_off(split, digests, 0.25, 3, "val")
        by_path = dict(zip(split.paths, digests, strict=True))
        assert not {by_path[path] for path in rest.paths} & {by_path[path] for path in part.paths}
        assert min(counts(part)) >= 1
        assert min(counts(rest)) >= 1


@pytest.mark.parametrize("digests", [[b"a", b"b", b"c"], [b"a", b"b", b"b"]])
def test_a_class_without_two_different_images_is_reported(digests: list[bytes]) -> None:
    split = split_of(1, 2)
    with pytest.raises(DataInvalid, match=": class0"):
        split_off(split, digests, 0.5, 0, "val")


def test_only_missing_splits_are_made() -> None:
    train, val, test = split_of(20, 20), split_of(3, 3), split_of(4, 4)
    shares = {"test": 0.1, "val": 0.2}

    def made(**splits: Split) -> dict[str, int]:
        return {name: len(split) for name, split in complete(splits, shares, 0, different(train)).items()}

    assert made(train=train, val=val, test=test) == {"train": 40, "val": 6, "test": 8}
    assert made(train=train, test=test) == {"train": 32, "val": 8, "test": 8}
    assert made(train=train, val=val) == {"train": 36, "val": 6, "test": 4}
    assert made(train=train) == {"train": 28, "val": 8, "test": 4}


def test_the_order_of_the_shares_does_not_matter() -> None:
    train = split_of(40, 40)
    made = [
        complete({"train": train}, shares, 0, different(train))
        for shares in ({"val": 0.2, "test": 0.2}, {"test": 0.2, "val": 0.2})
    ]
    assert made[0] == made[1]


def test_a_share_of_zero_makes_no_split() -> None:
    splits = {"train": split_of(20, 20), "val": split_of(3, 3)}
    assert complete(splits, {"test": 0, "val": 0.15}, 0, different(splits["train"])) == splits


def test_a_split_describes_how_it_was_made() -> None:
    train = split_of(20, 20)
    made = complete({"train": train}, {"val": 0.15}, 7, different(train))
    assert made["train"].origin is None
    assert str(made["val"].origin) == "15% of the train images of each class, chosen by seed 7, copies kept together"
