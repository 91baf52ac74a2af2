from __future__ import annotations

import itertools
from pathlib import Path
from typing import Literal

import pytest
import torch

from tests.trainer.trainings import write_images
from trainer.batches.datamodule import ImageBatches, Images, class_weights, measure_mean_std
from trainer.batches.order import EpochOrder, Position, Shares
from trainer.experiment.data import Data
from trainer.experiment.experiment import ExperimentInvalid
from trainer.preparation.cache import ImageCache
from trainer.preparation.images import Split, find_split
from trainer.request import Place


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    order = EpochOrder(100, seed=1, start=Position(), batch_size=8)
    first = list(order)
    assert sorted(first) == list(range(100))
    assert list(order) == first
    order.set_epoch(1)
    assert list(order) != first
    assert list(EpochOrder(100, seed=2, start=Position(), batch_size=8)) != first


def test_a_resumed_epoch_holds_what_was_left_and_the_next_one_everything() -> None:
    whole = EpochOrder(100, seed=1, start=Position(epoch=3), batch_size=8)
    resumed = EpochOrder(100, seed=1, start=Position(epoch=3, batch=5), batch_size=8)
    assert list(resumed) == list(whole)[40:]
    resumed.set_epoch(4)
    whole.set_epoch(4)
    assert list(resumed) == list(whole)


@pytest.mark.parametrize("weights", [None, torch.ones(43)])
def test_several_processes_share_each_batch_of_the_one_order(weights: torch.Tensor | None) -> None:
    places = [Place(rank, 3) for rank in range(3)]
    for start in (Position(), Position(batch=2)):
        alone = list(EpochOrder(43, 1, start, 6, weights))
        shares = [list(EpochOrder(43, 1, start, 6, weights, place)) for place in places]
        assert [len(share) for share in shares] == [-(-len(alone) // 3)] * 3
        together = [index for batch in zip(*shares, strict=True) for index in batch]
        # Filled up to a multiple of 3 with the epoch's first images.
        assert together == alone + list(EpochOrder(43, 1, Position(), 6, weights))[:2]


@pytest.mark.parametrize(("num_images", "size", "batch_size"), [(7, 2, 4), (9, 2, 4), (8, 1, 3), (3, 3, 4), (17, 4, 2)])
def test_evaluated_is_every_image_once_in_as_many_batches_everywhere(
    num_images: int, size: int, batch_size: int
) -> None:
    shares = [Shares(num_images, batch_size, Place(rank, size)) for rank in range(size)]
    batches = [list(share) for share in shares]
    assert [len(share) for share in shares] == [len(batches[0])] * size == [len(each) for each in batches]
    assert sorted(index for each in batches for batch in each for index in batch) == list(range(num_images))
    assert all(1 <= len(batch) <= batch_size + (size > 1) for each in batches for batch in each)


def test_more_processes_than_images_are_refused() -> None:
    split = Split(Path(), ("a",), (Path(),) * 2, (0,) * 2)
    with pytest.raises(ExperimentInvalid, match=r"trainer\.devices: are more than there are train images"):
        ImageBatches({"train": split, "val": split, "test": split}, Data(), 0, Position(), Place(0, 3))


def test_weights_make_every_class_equally_likely_and_a_resume_goes_on_with_the_rest() -> None:
    labels = (0,) * 900 + (1,) * 100
    split = Split(Path(), ("many", "few"), (Path(),) * 1000, labels)
    weights = class_weights(split)
    assert weights.tolist() == pytest.approx([1000 / 1800, 5])
    of_images = weights[torch.tensor(labels)]
    assert float(of_images.mean()) == pytest.approx(1)
    drawn = list(EpochOrder(1000, 1, Position(), 8, of_images))
    assert len(drawn) == 1000
    assert 400 < sum(labels[index] for index in drawn) < 600
    assert list(EpochOrder(1000, 1, Position(batch=5), 8, of_images)) == drawn[40:]
    assert list(EpochOrder(1000, 2, Position(), 8, of_images)) != drawn


def test_mean_and_std_are_those_of_the_pixels(tmp_path: Path) -> None:
    write_images(tmp_path, {"a": 50, "b": 200})
    images = Images(find_split("train", tmp_path / "train"), Data(image_size=8, channels=1))
    pixels = torch.stack([images.pixels(index) for index in range(len(images))]).double() / 255
    (mean,), (std,) = measure_mean_std(images)
    assert mean == pytest.approx(pixels.mean().item(), abs=1e-5)
    assert std == pytest.approx(pixels.std(correction=0).item(), abs=1e-5)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_decoded_images_give_the_batches_of_those_read_anew(tmp_path: Path, num_workers: int) -> None:
    write_images(tmp_path / "data", {"a": 50, "b": 200})
    splits = {name: find_split(name, tmp_path / "data" / name) for name in ("train", "val")}
    anew, kept = (
        ImageBatches(splits, Data(image_size=5, channels=3, batch_size=16, num_workers=workers), 7, Position(epoch=3))
        for workers in (0, num_workers)
    )
    kept.decoded = ImageCache(tmp_path / "cache", 10**9, print, lambda done, total: None).open(splits, 3, 5)
    assert set(kept.decoded) == {"train", "val"}
    for loaders in zip(
        (anew.train_dataloader(), anew.val_dataloader()), (kept.train_dataloader(), kept.val_dataloader())
    ):
        for expected, batch in zip(*loaders, strict=True):
            assert all(torch.equal(*each) for each in zip(expected, batch, strict=True))
            assert batch.images.stride() == expected.images.stride()  # a network computes otherwise by the strides
    assert measure_mean_std(kept.dataset("train")) == measure_mean_std(anew.dataset("train"))


@pytest.mark.parametrize(
    ("num_images", "batch_size", "size", "lengths", "joined"),
    [
        (17, 8, 1, [8, 8, 1], [8, 9]),
        (16, 8, 1, [8, 8], [8, 8]),
        (18, 8, 1, [8, 8, 2], [8, 8, 2]),
        (9, 8, 1, [8, 1], [9]),
        (2, 8, 1, [2], [2]),
        (3, 1, 1, [1, 1, 1], [1, 1, 1]),
        (33, 16, 2, [8, 8, 1], [8, 9]),  # one image is left over for two processes: one of them repeats another
        (34, 16, 2, [8, 8, 1], [8, 9]),
        (36, 16, 2, [8, 8, 2], [8, 8, 2]),
        (5, 4, 4, [1, 1], [1, 1]),
    ],
)
@pytest.mark.parametrize("sampling", ["shuffled", "balanced"])
def test_a_single_image_left_over_joins_the_batch_before_it_where_the_network_needs_that(
    num_images: int,
    batch_size: int,
    size: int,
    lengths: list[int],
    joined: list[int],
    sampling: Literal["shuffled", "balanced"],
) -> None:
    split = Split(Path(), ("a", "b"), (Path(),) * num_images, tuple(index % 2 for index in range(num_images)))
    data = Data(batch_size=batch_size, sampling=sampling)
    for joins_single, expected in ((False, lengths), (True, joined)):
        for rank, start in itertools.product(range(size), range(len(expected))):
            place = Place(rank, size)
            batches = ImageBatches({"train": split, "val": split, "test": split}, data, 0, Position(0, start), place)
            batches.joins_single = joins_single
            sampler = batches.train_dataloader().batch_sampler
            assert sampler is not None
            assert [len(batch) for batch in sampler] == expected[start:]
            assert batches.num_train_batches == len(expected)  # of a whole epoch, also when resumed within it
            assert batches.has_single == (1 in expected)
