"""From image folders to batches: the data module and what a loader process must know.

Images travel as uint8; the module (trainer.fit.module) turns them into normalised floats on the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from trainer.batches.order import EpochOrder, Position, Shares, TrainBatches
from trainer.dataset.imagefile import read_image
from trainer.dataset.invalid import DataInvalid
from trainer.dataset.pixelfile import PixelFile
from trainer.dataset.valuerange import ValueRange
from trainer.experiment.data import Data
from trainer.experiment.experiment import ExperimentInvalid
from trainer.preparation.images import Split, tested_split
from trainer.request import ALONE, Place
from trainer.runner.process import end_with_parent
from trainer.stopping import leave_to_parent

MAX_MEASURED_IMAGES = 2_000
"""Mean and standard deviation are measured on at most so many train images, evenly spread."""
LOADER_TIMEOUT_S = 1800.0
"""A loader process that hands over no batch for so long never will. Only what torch does not notice takes this long."""
MIN_STD = 1e-4
"""Of pixel values from 0 to 1, where one grey level is 0.004: images that deviate less are all the same."""


class Batch(NamedTuple):
    images: Tensor
    """(B, C, H, W) uint8; normalised float32 once on the device (see trainer.fit.module)."""
    labels: Tensor
    """(B,) int64."""
    indices: Tensor
    """(B,) int64: which images of the split these are."""


class Images(Dataset[Batch]):
    """The images of one split. A loader takes whole batches (`__getitems__`)."""

    def __init__(self, split: Split, data: Data, decoded: PixelFile | None = None) -> None:
        """Without `decoded`, which holds the same pixels, each access reads and decodes the image's file."""
        self.split = split
        self._channels = data.channels
        self._size = data.side
        self._value_range = ValueRange.of(data.value_range)
        self._decoded = decoded

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
            return torch.from_numpy(self._decoded.take(indices))
        paths = [self.split.paths[index] for index in indices]
        images = [read_image(path, self._channels, self._size, self._value_range) for path in paths]
        return torch.stack([torch.from_numpy(image).permute(2, 0, 1) for image in images])


class ImageBatches(lightning.LightningDataModule):
    """Loaders of the splits; of train and val the share of this process, which tests alone."""

    def __init__(self, splits: dict[str, Split], data: Data, seed: int, start: Position, place: Place = ALONE) -> None:
        """Raises ExperimentInvalid where a process would have no image."""
        super().__init__()
        for name in ("train", "val"):
            if len(splits[name]) < place.size:
                raise ExperimentInvalid({"trainer.devices": [f"are more than there are {name} images"]})
        self._place = place
        self.splits = splits
        self.decoded: dict[str, PixelFile] = {}  # by split; from trainer.preparation.cache, if anything
        self.joins_single = False  # set by trainer.fit.singleimage, for networks that need it
        self._data = data
        self._seed = seed
        self._start = start

    @property
    def tested_split(self) -> str:
        """The split that `test_dataloader` reads: test, or val where nothing is left to test on."""
        return tested_split(self.splits)

    @property
    def num_train_batches(self) -> int:
        """Per epoch."""
        return len(self._train_batches())

    @property
    def has_single(self) -> bool:
        """Whether a process trains on a batch of one image."""
        return self._train_batches().has_single

    @property
    def num_test_batches(self) -> int:
        return len(Shares(len(self.splits[self.tested_split]), self._batch_size))

    @property
    def _batch_size(self) -> int:
        """Of one process: what its device has to hold."""
        return self._data.batch_size // self._place.size

    def dataset(self, split: str) -> Images:
        return Images(self.splits[split], self._data, self.decoded.get(split))

    def train_dataloader(self) -> DataLoader[Batch]:
        return self._loader("train", self._train_batches())

    def _train_batches(self) -> TrainBatches:
        train = self.splits["train"]
        is_balanced = self._data.sampling == "balanced"
        weights = class_weights(train)[torch.tensor(train.labels)].double() if is_balanced else None
        order = EpochOrder(len(train), self._seed, self._start, self._data.batch_size, weights, self._place)
        return TrainBatches(order, self._batch_size, self.joins_single)

    def val_dataloader(self) -> DataLoader[Batch]:
        return self._loader("val", Shares(len(self.splits["val"]), self._batch_size, self._place))

    def test_dataloader(self) -> DataLoader[Batch]:
        split = self.tested_split
        return self._loader(split, Shares(len(self.splits[split]), self._batch_size))

    def _loader(self, split: str, batches: Sampler[list[int]]) -> DataLoader[Batch]:
        is_pinned = torch.cuda.is_available()
        return DataLoader(
            self.dataset(split),
            batch_sampler=batches,
            num_workers=self._data.num_workers,
            pin_memory=is_pinned,
            # With a timeout torch would notice only then, not at once, that the thread that pins memory has died.
            timeout=LOADER_TIMEOUT_S if self._data.num_workers and not is_pinned else 0,
            worker_init_fn=begin_worker,
            collate_fn=share,
            # Without a generator of its own each new iterator would draw from torch's global one, and a resumed
            # training would no longer see the random numbers of an uninterrupted one.
            generator=torch.Generator().manual_seed(self._seed),
        )


def share(batch: Any) -> Any:
    """Move a Batch of a loader process into shared memory. Raises RuntimeError where there is no room for it.

    Else the queue would do it, in a thread of its own that prints the error and drops the batch: the training would
    wait for it for ever.
    """
    if get_worker_info() is not None:
        for tensor in batch:
            tensor.share_memory_()
    return batch


def class_weights(split: Split) -> Tensor:
    """(num_classes,): each class's weight, in inverse proportion to its images; over all images 1 on average."""
    counts = torch.bincount(torch.tensor(split.labels), minlength=len(split.class_names))
    return len(split) / (len(counts) * counts.float())


def evenly_spread(num_images: int, at_most: int) -> list[int]:
    """Indices of `at_most` images, or of all if there are fewer, evenly spread: images are sorted by class."""
    count = min(num_images, at_most)
    return [position * num_images // count for position in range(count)]


def measure_mean_std(images: Images, at_most: int = MAX_MEASURED_IMAGES) -> tuple[list[float], list[float]]:
    """Mean and standard deviation per channel, of pixel values from 0 to 1, on `at_most` images.

    Raises DataInvalid if these show nothing: one grey level everywhere.
    """
    step = max(1, -(-len(images) // at_most))
    total = squares = torch.zeros(1, dtype=torch.float64)
    count = 0
    for index in range(0, len(images), step):
        pixels = images.pixels(index).double().flatten(1) / 255  # (C, H*W)
        total = total + pixels.sum(1)
        squares = squares + pixels.square().sum(1)
        count += pixels.shape[1]
    mean = total / count
    std = (squares / count - mean.square()).clamp(min=0).sqrt()
    if std.max() < MIN_STD:
        raise DataInvalid(
            f"the train images show nothing: all their pixels have the value {mean.max() * 255:.0f} of 255. Look at"
            f" {images.split.paths[0]}; if it has more than 8 bits per channel, set data.value_range to the values that"
            " are black and white in it"
        )
    std = std.clamp(min=1e-3)  # a channel that is the same everywhere is not divided by zero
    return [round(value, 6) for value in mean.tolist()], [round(value, 6) for value in std.tolist()]


def begin_worker(_worker: int) -> None:
    """Make a loader process end with the training, however that ends, and leave signals to it.

    Raises OSError or RuntimeError where batches cannot be handed over: no shared memory, or a $TMPDIR that cannot hold
    a socket.
    """
    leave_to_parent()
    end_with_parent()  # torch's own check of the parent runs every 5 seconds only
    probe = torch.zeros(1).share_memory_()  # type: ignore[no-untyped-call]
    ForkingPickler.dumps(probe)  # as the queue does, in its thread
