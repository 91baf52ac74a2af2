"""The data module: loaders for the train, val and test images, and the setup of their worker processes."""

from __future__ import annotations

import os
from functools import partial
from multiprocessing.reduction import ForkingPickler
from typing import Any

import lightning
import torch
from torch.utils.data import BatchSampler, DataLoader, Sampler, get_worker_info

from trainer.batches.images import Batch, ImageDataset
from trainer.batches.samplers import DistributedEvalSampler, Position, TrainSampler
from trainer.batches.statistics import class_weights
from trainer.dataset.pixelfile import PixelFile
from trainer.experiment.data import Data
from trainer.experiment.experiment import ExperimentInvalid
from trainer.preparation.images import Split, tested_split
from trainer.request import SINGLE_PROCESS, Rank
from trainer.runner.process import end_with_parent
from trainer.stopping import leave_to_parent

LOADER_TIMEOUT_S = 1800.0
"""After this long without a batch, a loader process counts as hung. torch detects one that died much sooner."""


class ImageDataModule(lightning.LightningDataModule):
    """Loaders for this rank's share of the train and val images, and for all images of the tested split."""

    def __init__(
        self,
        splits: dict[str, Split],
        data: Data,
        seed: int,
        start: Position,
        rank: Rank = SINGLE_PROCESS,
        is_pinned: bool = False,
    ) -> None:
        """`is_pinned`: batches are in pinned memory, for a CUDA GPU.

        Raises ExperimentInvalid if a split has fewer images than there are ranks.
        """
        super().__init__()
        for name in ("train", "val"):
            if len(splits[name]) < rank.world_size:
                problem = f"must be at most {len(splits[name])}, the number of {name} images"
                raise ExperimentInvalid({"trainer.devices": [problem]})
        self.splits = splits
        self.decoded: dict[str, PixelFile] = {}  # by split; filled from the image cache if the experiment uses it
        self.drop_single = False  # set by avoid_single_image_batches
        self._rank = rank
        self._is_pinned = is_pinned
        self._data = data
        self._seed = seed
        self._start = start

    @property
    def tested_split(self) -> str:
        """The split that `test_dataloader` reads: test, or val if there are no test images."""
        return tested_split(self.splits)

    @property
    def num_train_batches(self) -> int:
        """Per epoch and rank."""
        return len(self._train_batches())

    @property
    def has_single_image_batch(self) -> bool:
        """Whether a rank trains on a batch of one image, or would have no batch without it."""
        batches = self._train_batches()
        return self._batch_size == 1 or not len(batches) or (self._leaves_single and not self.drop_single)

    @property
    def _leaves_single(self) -> bool:
        return -(-len(self.splits["train"]) // self._rank.world_size) % self._batch_size == 1

    @property
    def num_test_batches(self) -> int:
        return len(self._eval_batches(self.tested_split, SINGLE_PROCESS))

    @property
    def _batch_size(self) -> int:
        """Images per batch of one rank."""
        return self._data.batch_size // self._rank.world_size

    def dataset(self, split: str) -> ImageDataset:
        return ImageDataset(self.splits[split], self._data, self.decoded.get(split))

    def train_dataloader(self) -> DataLoader[Batch]:
        return self._loader("train", self._train_batches())

    def val_dataloader(self) -> DataLoader[Batch]:
        return self._loader("val", self._eval_batches("val", self._rank))

    def test_dataloader(self) -> DataLoader[Batch]:
        return self._loader(self.tested_split, self._eval_batches(self.tested_split, SINGLE_PROCESS))

    def _train_batches(self) -> BatchSampler:
        train = self.splits["train"]
        is_balanced = self._data.sampling == "balanced"
        weights = class_weights(train)[torch.tensor(train.labels)].double() if is_balanced else None
        sampler = TrainSampler(len(train), self._seed, self._start, self._data.batch_size, weights, self._rank)
        return BatchSampler(sampler, self._batch_size, drop_last=self.drop_single and self._leaves_single)

    def _eval_batches(self, split: str, rank: Rank) -> DistributedEvalSampler:
        return DistributedEvalSampler(len(self.splits[split]), self._batch_size, rank)

    def _loader(self, split: str, batches: Sampler[list[int]]) -> DataLoader[Batch]:
        return DataLoader(
            ImageDataset(self.splits[split], self._data, self.decoded.get(split), self._is_pinned),
            batch_sampler=batches,
            num_workers=self._data.num_workers,
            pin_memory=self._is_pinned,
            # With a timeout, torch notices the death of its pinning thread only after the timeout, not at once.
            timeout=LOADER_TIMEOUT_S if self._data.num_workers and not self._is_pinned else 0,
            worker_init_fn=partial(init_worker, os.getpid()),
            collate_fn=move_to_shared_memory,
            # Without its own generator, each new iterator would draw from torch's global one, and a resumed training
            # would no longer see the random values of an uninterrupted one.
            generator=torch.Generator().manual_seed(self._seed),
        )


def move_to_shared_memory(batch: Any) -> Any:
    """Move a loader process's Batch into shared memory. Raises RuntimeError if shared memory is full.

    Otherwise the queue moves it, in a thread that prints the error and drops the batch. The training would wait for
    that batch forever.
    """
    if get_worker_info() is not None:
        for tensor in batch:
            tensor.share_memory_()
    return batch


def init_worker(training_pid: int, _worker_id: int) -> None:
    """Make a loader process end with the training, and let the training handle all signals.

    Raises OSError or RuntimeError if the process cannot hand over batches: it has no shared memory, or cannot create a
    socket in $TMPDIR.
    """
    leave_to_parent()
    # torch looks for the parent only every 5 seconds, and never notices if it ended before the first look.
    end_with_parent(training_pid)
    probe = torch.zeros(1).share_memory_()  # type: ignore[no-untyped-call]
    ForkingPickler.dumps(probe)  # what the queue does in its thread
