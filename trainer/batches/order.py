"""Which images make up which batch, and which of several processes takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import BatchSampler, Sampler

from trainer.request import ALONE, Place


@dataclass(frozen=True)
class Position:
    """How far a training has come: `batch` batches of epoch `epoch` are done. Both count from 0."""

    epoch: int = 0
    batch: int = 0


class EpochOrder(Sampler[int]):
    """A shuffled order of images that depends on the seed and the epoch alone.

    So a training resumed within an epoch goes on with exactly the images that were left. Lightning calls `set_epoch`.
    Of several processes each takes its share of every batch. For shares of one size the last batch is filled up with
    the epoch's first images, fewer than there are processes.
    """

    def __init__(
        self,
        num_images: int,
        seed: int,
        start: Position,
        batch_size: int,
        weights: Tensor | None = None,
        place: Place = ALONE,
    ) -> None:
        """`batch_size`: of all processes together, a multiple of their number.

        `weights` (num_images,): instead of each image once, each is drawn with a probability in proportion.
        """
        self._num_images = num_images
        self._weights = weights
        self._seed = seed
        self._start = start
        self._num_done = start.batch * batch_size
        self._epoch = start.epoch
        self._place = place

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + self._epoch)
        if self._weights is None:
            order = torch.randperm(self._num_images, generator=generator).tolist()
        else:
            drawn = torch.multinomial(self._weights, self._num_images, replacement=True, generator=generator)
            order = drawn.tolist()
        order += order[: -len(order) % self._place.size]
        done = self._num_done if self._epoch == self._start.epoch else 0
        return iter(order[done + self._place.rank :: self._place.size])

    def __len__(self) -> int:
        """The whole epoch's, also when resumed within it: Lightning counts the batches done before."""
        return -(-self._num_images // self._place.size)


class TrainBatches(BatchSampler):
    """Batches of `order`; with `joins_single` a single image left over joins the batch before it."""

    def __init__(self, order: EpochOrder, batch_size: int, joins_single: bool) -> None:
        super().__init__(order, batch_size, drop_last=False)
        self._num_images = len(order)
        self._joins_single = joins_single

    def __iter__(self) -> Iterator[list[int]]:
        held: list[int] = []
        for batch in super().__iter__():
            if held and len(batch) == 1 < self.batch_size and self._joins_single:
                held += batch
            else:
                yield from [held] * bool(held)
                held = batch
        yield from [held] * bool(held)

    def __len__(self) -> int:
        full, left = divmod(self._num_images, self.batch_size)
        return full if left == 0 or (left == 1 and full and self._joins_single) else full + 1

    @property
    def has_single(self) -> bool:
        left = self._num_images % self.batch_size
        return self.batch_size == 1 or (left == 1 and not (self._joins_single and self._num_images > 1))


class Shares(Sampler[list[int]]):
    """Batches of one process's share of a split: over all processes every image once, and as many batches in each."""

    def __init__(self, num_images: int, batch_size: int, place: Place = ALONE) -> None:
        """`batch_size`: of this process alone. A last batch may hold one more, so that the counts are the same."""
        self._images = range(place.rank, num_images, place.size)
        self._batch_size = batch_size
        self._count = max(1, -(-(num_images // place.size) // batch_size))

    def __iter__(self) -> Iterator[list[int]]:
        starts = [number * self._batch_size for number in range(self._count)]
        for start, end in zip(starts, [*starts[1:], len(self._images)], strict=True):
            yield list(self._images[start:end])

    def __len__(self) -> int:
        return self._count
