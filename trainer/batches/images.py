"""The images of a split as uint8 tensors, with their labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from trainer.dataset.imagefile import read_image
from trainer.dataset.pixelfile import PixelFile
from trainer.dataset.valuerange import ValueRange
from trainer.experiment.data import Data
from trainer.preparation.images import Split


class Batch(NamedTuple):
    images: Tensor
    """(B, C, H, W) uint8. The Classifier turns them into normalised float32 on the device."""
    labels: Tensor
    """(B,) int64."""
    indices: Tensor
    """(B,) int64: the indices of the images in their split."""


class ImageDataset(Dataset[Batch]):
    """The images of one split. A loader fetches a whole batch with `__getitems__`."""

    def __init__(self, split: Split, data: Data, decoded: PixelFile | None = None, is_pinned: bool = False) -> None:
        """Read pixels from `decoded`, the image cache. Without it, each access reads and decodes the image file.

        With `is_pinned` batches of cached images are read into pinned memory. Loader processes cannot do that.
        """
        self.split = split
        self._channels = data.channels
        self._side = data.side
        self._value_range = ValueRange.of(data.value_range)
        self._decoded = decoded
        self._is_pinned = is_pinned

    def __len__(self) -> int:
        return len(self.split)

    def pixels(self, index: int) -> Tensor:
        """(C, H, W) uint8."""
        return self._read([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        labels = torch.tensor([self.split.labels[index] for index in indices])
        return Batch(self._read(indices), labels, torch.tensor(indices))

    def _read(self, indices: Sequence[int]) -> Tensor:
        if self._decoded is not None:
            shape = (len(indices), self._channels, self._side, self._side)
            # torch keeps pinned memory for the next batch. New memory takes longer to get than to fill.
            pixels = torch.empty(shape, dtype=torch.uint8, pin_memory=self._is_pinned and get_worker_info() is None)
            self._decoded.take(indices, pixels.numpy())
            return pixels
        paths = [self.split.paths[index] for index in indices]
        images = [read_image(path, self._channels, self._side, self._value_range) for path in paths]
        return torch.stack([torch.from_numpy(image).permute(2, 0, 1) for image in images])
