"""Choose the images of each batch, and distribute them over the processes that train together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Sampler

from trainer.request import SINGLE_PROCESS, Rank


@dataclass(frozen=True)
class Position:
    """The progress of a training: `batch` batches of epoch `epoch` are done. Both count from 0."""

    epoch: int = 0
    batch: int = 0


class TrainSampler(Sampler[int]):
    """The shuffled train images of one rank. The order depends only on the seed and the epoch.

    A training that resumes within an epoch continues with exactly the images that were left. Lightning calls
    `set_epoch`. Each rank takes its share of every batch. To give all ranks equally many images, the epoch's first
    images (fewer than the world size) are repeated at its end.
    """

    def __init__(
        self,
        num_images: int,
        seed: int,
        start: Position,
        batch_size: int,
        weights: Tensor | None = None,
        rank: Rank = SINGLE_PROCESS,
    ) -> None:
        """`batch_size` counts the images of all ranks together, and is a multiple of the world size.

        With `weights` (num_images,) images are drawn with replacement, with probabilities in proportion to the weights.
        """
        self._num_images = num_images
        self._weights = weights
        self._seed = seed
        self._start = start
        self._num_done = start.batch * batch_size
        self._epoch = start.epoch
        self._rank = rank

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + self._epoch)
        if self._weights is None:
            order = torch.randperm(self._num_images, generator=generator).tolist()
        else:
            drawn = torch.multinomial(self._weights, self._num_images, replacement=True, generator=generator)
            order = drawn.tolist()
        order += order[: -len(order) % self._rank.world_size]
        done = self._num_done if self._epoch == self._start.epoch else 0
        return iter(order[done + self._rank.index :: self._rank.world_size])

    def __len__(self) -> int:
        """Count the images of a whole epoch, even when resuming within it: Lightning adds the batches done before."""
        return -(-self._num_images // self._rank.world_size)


class DistributedEvalSampler(Sampler[list[int]]):
    """Batches of one rank's share of a split. All ranks get equally many batches and, together, each image once."""

    def __init__(self, num_images: int, batch_size: int, rank: Rank = SINGLE_PROCESS) -> None:
        """`batch_size` counts this rank's images. To equalise the number of batches, the last may hold one more."""
        self._images = range(rank.index, num_images, rank.world_size)
        self._batch_size = batch_size
        self._num_batches = max(1, -(-(num_images // rank.world_size) // batch_size))

    def __iter__(self) -> Iterator[list[int]]:
        starts = [number * self._batch_size for number in range(self._num_batches)]
        for start, end in zip(starts, [*starts[1:], len(self._images)], strict=True):
            yield list(self._images[start:end])

    def __len__(self) -> int:
        return self._num_batches
