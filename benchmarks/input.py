"""The speed of our batch loading without loader processes, compared with Pillow in a Dataset with two of them.

The benchmark first times the loaders alone: the first epoch, in which ours fills its cache, and later epochs. Then it
trains a small network on the CPU and times the second epoch: the wait for a batch, and the whole step.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import ResNetConfig, ResNetForImageClassification

from benchmarks.baselines.input import plain_loader
from benchmarks.figures import Figure
from trainer.batches.datamodule import ImageDataModule
from trainer.batches.samplers import Position
from trainer.experiment.data import Data
from trainer.preparation.cache import ImageCache
from trainer.preparation.images import Split, find_split

BATCH_SIZE = 32
LATER_EPOCHS = 3
NUM_STEPS = 15
NUM_WORKERS = 2
MAX_ROUNDS = 3
QUANTITIES = (
    ("first epoch", "images/s"),
    ("later epochs", "images/s"),
    ("wait for a batch", "ms"),
    ("whole step", "ms"),
)
Step = Callable[[Tensor, Tensor], object]
Epoch = Callable[[int], Iterator[tuple[Tensor, Tensor]]]
"""A function from an epoch's number to its batches."""


@dataclass(frozen=True)
class Case:
    name: str
    num_images: int
    file_size: tuple[int, int]
    suffix: str
    size: int
    """The side of the images in a batch."""

    def write(self, folder: Path) -> Split:
        """Write smooth colours with noise. The files are as large and as slow to decode as photographs."""
        noise = np.random.default_rng(0)
        for number in range(self.num_images):
            coarse = Image.fromarray(noise.integers(0, 256, (12, 16, 3), dtype=np.uint8))
            pixels = np.asarray(coarse.resize(self.file_size, Image.Resampling.BICUBIC)) + noise.normal(
                0, 6, (*self.file_size[::-1], 1)
            )
            path = folder / str(number % 2) / f"{number}{self.suffix}"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)
        return find_split("train", folder)


@contextmanager
def ours(split: Split, size: int) -> Iterator[Epoch]:
    """Fill an empty cache and yield a function that returns the batches of an epoch."""
    with tempfile.TemporaryDirectory() as folder:
        splits = {"train": split, "val": split}
        batches = ImageDataModule(splits, Data(image_size=size, batch_size=BATCH_SIZE), 0, Position())
        cache = ImageCache(Path(folder), 10**12, lambda line: None, lambda done, total: None)
        batches.decoded = cache.open({"train": split}, 3, size)
        assert batches.decoded
        loader: Any = batches.train_dataloader()

        def epoch(number: int) -> Iterator[tuple[Tensor, Tensor]]:
            loader.batch_sampler.sampler.set_epoch(number)
            return ((batch.images, batch.labels) for batch in loader)

        yield epoch


@contextmanager
def plain(split: Split, size: int, num_workers: int) -> Iterator[Epoch]:
    loader = plain_loader(list(split.paths), list(split.labels), size, BATCH_SIZE, num_workers)
    yield lambda number: iter(loader)


def rates(prepared: AbstractContextManager[Epoch], count: int) -> tuple[float, float]:
    """Return the images/s of the first epoch, including the preparation, and of later epochs."""
    began_s = time.monotonic()
    with prepared as epoch:
        ends_s = []
        for number in range(1 + LATER_EPOCHS):
            for _ in epoch(number):
                pass
            ends_s.append(time.monotonic())
    return count / (ends_s[0] - began_s), LATER_EPOCHS * count / (ends_s[-1] - ends_s[0])


def step_ms(prepared: AbstractContextManager[Epoch], step: Step) -> tuple[float, float]:
    """Return the mean wait for a batch and the mean duration of a step, in the second epoch."""
    with prepared as epoch:
        for _ in epoch(0):
            pass
        batches = epoch(1)
        began_s, waited_s = time.monotonic(), 0.0
        for _ in range(NUM_STEPS):
            requested_s = time.monotonic()
            images, labels = next(batches)
            waited_s += time.monotonic() - requested_s
            step(images, labels)
        duration_s = time.monotonic() - began_s
    return 1000 * waited_s / NUM_STEPS, 1000 * duration_s / NUM_STEPS


def training_step() -> Step:
    config = ResNetConfig(embedding_size=8, hidden_sizes=[16, 32, 64], depths=[1, 1, 1], layer_type="basic")
    network = ResNetForImageClassification(config)
    optimizer = torch.optim.SGD(network.parameters(), 0.01)

    def step(images: Tensor, labels: Tensor) -> None:
        optimizer.zero_grad()
        cross_entropy(network(images.float() / 255).logits, labels).backward()
        optimizer.step()

    return step


def compare(case: Case, rounds: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        split, step = case.write(Path(folder)), training_step()
        our: list[tuple[float, ...]] = []
        base: list[tuple[float, ...]] = []
        for _ in range(rounds):
            our.append(rates(ours(split, case.size), len(split)) + step_ms(ours(split, case.size), step))
            base.append(
                rates(plain(split, case.size, NUM_WORKERS), len(split))
                + step_ms(plain(split, case.size, NUM_WORKERS), step)
            )
        for index, (name, unit) in enumerate(QUANTITIES):
            yield Figure(
                f"{case.name}, {name}",
                unit,
                [each[index] for each in our],
                [each[index] for each in base],
                "Pillow in a Dataset",
                is_higher_better=unit == "images/s",
            )


def measure(rounds: int) -> Iterator[Figure]:
    """Measure with photographs and with small images."""
    for case in (
        Case("JPEG of 500 x 375 to 224", 1000, (500, 375), ".jpg", 224),
        Case("PNG of 32 x 32", 4000, (32, 32), ".png", 32),
    ):
        yield from compare(case, min(rounds, MAX_ROUNDS))
