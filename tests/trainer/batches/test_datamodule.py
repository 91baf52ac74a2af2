from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path
from typing import Literal

import pytest
import torch

from tests.trainer.trainings import write_images
from trainer.batches.datamodule import ImageDataModule, init_worker
from trainer.batches.images import ImageDataset
from trainer.batches.samplers import DistributedEvalSampler, Position, TrainSampler
from trainer.batches.statistics import class_weights, measure_mean_std
from trainer.experiment.data import Data
from trainer.experiment.experiment import ExperimentInvalid
from trainer.preparation.cache import ImageCache
from trainer.preparation.images import Split, find_split
from trainer.request import Rank


def test_the_order_depends_only_on_seed_and_epoch() -> None:
    order = TrainSampler(100, seed=1, start=Position(), batch_size=8)
    first = list(order)
    assert sorted(first) == list(range(100))
    assert list(order) == first
    order.set_epoch(1)
    assert list(order) != first
    assert list(TrainSampler(100, seed=2, start=Position(), batch_size=8)) != first


def test_a_resumed_epoch_contains_the_remaining_images_and_the_next_one_all() -> None:
    whole = TrainSampler(100, seed=1, start=Position(epoch=3), batch_size=8)
    resumed = TrainSampler(100, seed=1, start=Position(epoch=3, batch=5), batch_size=8)
    assert list(resumed) == list(whole)[40:]
    resumed.set_epoch(4)
    whole.set_epoch(4)
    assert list(resumed) == list(whole)


@pytest.mark.parametrize("weights", [None, torch.ones(43)])
def test_ranks_share_each_batch_of_one_order(weights: torch.Tensor | None) -> None:
    ranks = [Rank(index, 3) for index in range(3)]
    for start in (Position(), Position(batch=2)):
        alone = list(TrainSampler(43, 1, start, 6, weights))
        shares = [list(TrainSampler(43, 1, start, 6, weights, rank)) for rank in ranks]
        assert [len(share) for share in shares] == [-(-len(alone) // 3)] * 3
        together = [index for batch in zip(*shares, strict=True) for index in batch]
        # The epoch's first images fill it up to a multiple of 3.
        assert together == alone + list(TrainSampler(43, 1, Position(), 6, weights))[:2]


@pytest.mark.parametrize(
    ("num_images", "world_size", "batch_size"), [(7, 2, 4), (9, 2, 4), (8, 1, 3), (3, 3, 4), (17, 4, 2)]
)
def test_all_ranks_evaluate_each_image_once_in_equally_many_batches(
    num_images: int, world_size: int, batch_size: int
) -> None:
    shares = [DistributedEvalSampler(num_images, batch_size, Rank(index, world_size)) for index in range(world_size)]
    batches = [list(share) for share in shares]
    assert [len(share) for share in shares] == [len(batches[0])] * world_size == [len(each) for each in batches]
    assert sorted(index for each in batches for batch in each for index in batch) == list(range(num_images))
    assert all(1 <= len(batch) <= batch_size + (world_size > 1) for each in batches for batch in each)


def test_more_devices_than_images_are_refused() -> None:
    split = Split(Path(), ("a",), (Path(),) * 2, (0,) * 2)
    with pytest.raises(ExperimentInvalid, match=r"trainer\.devices: .*2.* train images"):
        ImageDataModule({"train": split, "val": split, "test": split}, Data(), 0, Position(), Rank(0, 3))


def test_balanced_sampling_draws_classes_equally_and_resumes_within_an_epoch() -> None:
    labels = (0,) * 900 + (1,) * 100
    split = Split(Path(), ("many", "few"), (Path(),) * 1000, labels)
    weights = class_weights(split)
    assert weights.tolist() == pytest.approx([1000 / 1800, 5])
    of_images = weights[torch.tensor(labels)]
    assert float(of_images.mean()) == pytest.approx(1)
    drawn = list(TrainSampler(1000, 1, Position(), 8, of_images))
    assert len(drawn) == 1000
    assert 400 < sum(labels[index] for index in drawn) < 600
    assert list(TrainSampler(1000, 1, Position(batch=5), 8, of_images)) == drawn[40:]
    assert list(TrainSampler(1000, 2, Position(), 8, of_images)) != drawn


def test_mean_and_std_are_those_of_the_pixels(tmp_path: Path) -> None:
    write_images(tmp_path, {"a": 50, "b": 200})
    images = ImageDataset(find_split("train", tmp_path / "train"), Data(image_size=8, channels=1))
    pixels = torch.stack([images.pixels(index) for index in range(len(images))]).double() / 255
    (mean,), (std,) = measure_mean_std(images)
    assert mean == pytest.approx(pixels.mean().item(), abs=1e-5)
    assert std == pytest.approx(pixels.std(correction=0).item(), abs=1e-5)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_cached_images_give_the_same_batches_as_files(tmp_path: Path, num_workers: int) -> None:
    write_images(tmp_path / "data", {"a": 50, "b": 200})
    splits = {name: find_split(name, tmp_path / "data" / name) for name in ("train", "val")}
    from_files, cached = (
        ImageDataModule(
            splits, Data(image_size=5, channels=3, batch_size=16, num_workers=workers), 7, Position(epoch=3)
        )
        for workers in (0, num_workers)
    )
    cached.decoded = ImageCache(tmp_path / "cache", 10**9, print, lambda done, total: None).open(splits, 3, 5)
    assert set(cached.decoded) == {"train", "val"}
    for loaders in zip(
        (from_files.train_dataloader(), from_files.val_dataloader()),
        (cached.train_dataloader(), cached.val_dataloader()),
    ):
        for expected, batch in zip(*loaders, strict=True):
            assert all(torch.equal(*each) for each in zip(expected, batch, strict=True))
            assert batch.images.stride() == expected.images.stride()  # a network's results depend on the strides
    assert measure_mean_std(cached.dataset("train")) == measure_mean_std(from_files.dataset("train"))


@pytest.mark.parametrize(
    ("num_images", "batch_size", "world_size", "lengths", "dropped"),
    [
        (17, 8, 1, [8, 8, 1], [8, 8]),
        (16, 8, 1, [8, 8], [8, 8]),
        (18, 8, 1, [8, 8, 2], [8, 8, 2]),
        (9, 8, 1, [8, 1], [8]),
        (2, 8, 1, [2], [2]),
        (3, 1, 1, [1, 1, 1], [1, 1, 1]),
        (33, 16, 2, [8, 8, 1], [8, 8]),  # one image left over for two ranks: one of them repeats an image
        (34, 16, 2, [8, 8, 1], [8, 8]),
        (36, 16, 2, [8, 8, 2], [8, 8, 2]),
        (5, 4, 4, [1, 1], [1, 1]),
    ],
)
@pytest.mark.parametrize("sampling", ["shuffled", "balanced"])
def test_a_single_image_left_over_is_skipped_if_the_network_requires_it(
    num_images: int,
    batch_size: int,
    world_size: int,
    lengths: list[int],
    dropped: list[int],
    sampling: Literal["shuffled", "balanced"],
) -> None:
    split = Split(Path(), ("a", "b"), (Path(),) * num_images, tuple(index % 2 for index in range(num_images)))
    data = Data(batch_size=batch_size, sampling=sampling)
    for drop_single, expected in ((False, lengths), (True, dropped)):
        for index, start in itertools.product(range(world_size), range(len(expected))):
            rank = Rank(index, world_size)
            data_module = ImageDataModule(
                {"train": split, "val": split, "test": split}, data, 0, Position(0, start), rank
            )
            data_module.drop_single = drop_single
            sampler = data_module.train_dataloader().batch_sampler
            assert sampler is not None
            assert [len(batch) for batch in sampler] == expected[start:]
            assert data_module.num_train_batches == len(expected)  # of a whole epoch, even when resuming within one
            assert data_module.has_single_image_batch == (1 in expected)


def test_a_loader_process_ends_if_the_training_ended_while_it_started() -> None:
    if (loader := os.fork()) == 0:
        init_worker(os.getpid(), 0)  # The pid of any process but its parent.
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(loader, 0)[1]) == -signal.SIGKILL
