"""How quickly images become batches: `python -m benchmarks.input`, ours beside the plain way, in turns in one run.

First the loaders alone, in images/s: the first epoch (ours with the filling of an empty cache) and later ones. Then the
second epoch with a small network on the CPU: how long a step waits for its batch, in ms, and how long it takes in all.
A ratio is ours / baseline, the median of the rounds' ratios with the lowest and the highest.
"""

from __future__ import annotations

import argparse
import statistics
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

from benchmarks.plain_input import plain_loader
from trainer.data import ImageBatches, Position
from trainer.datasection import Data
from trainer.imagecache import ImageCache
from trainer.images import Split, find_split

BATCH_SIZE = 32
LATER_EPOCHS = 3
NUM_STEPS = 15
Step = Callable[[Tensor, Tensor], object]
Epoch = Callable[[int], Iterator[tuple[Tensor, Tensor]]]
"""Gives the batches of the epoch of that number."""


@dataclass(frozen=True)
class Case:
    name: str
    num_images: int
    file_size: tuple[int, int]
    suffix: str
    size: int
    """Of the batches' images."""

    def write(self, folder: Path) -> Split:
        """Write smooth colours with some noise; about as large and as slow to decode as photographs are."""
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
    """Fill an empty cache, then give each epoch's batches."""
    with tempfile.TemporaryDirectory() as folder:
        batches = ImageBatches({"train": split}, Data(image_size=size, batch_size=BATCH_SIZE), 0, Position())
        cache = ImageCache(Path(folder), 10**12, lambda line: None, lambda done, total: None)
        batches.decoded = cache.open(batches.splits, 3, size)
        assert batches.decoded
        loader: Any = batches.train_dataloader()

        def epoch(number: int) -> Iterator[tuple[Tensor, Tensor]]:
            loader.sampler.set_epoch(number)
            return ((batch.images, batch.labels) for batch in loader)

        yield epoch


@contextmanager
def plain(split: Split, size: int, num_workers: int) -> Iterator[Epoch]:
    loader = plain_loader(list(split.paths), list(split.labels), size, BATCH_SIZE, num_workers)
    yield lambda number: iter(loader)


def rates(prepared: AbstractContextManager[Epoch], count: int) -> tuple[float, float]:
    """Return images/s of the first epoch, with all that goes before it, and of the later ones."""
    began_s = time.monotonic()
    with prepared as epoch:
        ends_s = []
        for number in range(1 + LATER_EPOCHS):
            for _ in epoch(number):
                pass
            ends_s.append(time.monotonic())
    return count / (ends_s[0] - began_s), LATER_EPOCHS * count / (ends_s[-1] - ends_s[0])


def step_ms(prepared: AbstractContextManager[Epoch], step: Step) -> tuple[float, float]:
    """Return how long a step of the second epoch waits for its batch on average, and how long it takes in all."""
    with prepared as epoch:
        for _ in epoch(0):
            pass
        batches = epoch(1)
        began_s, waited_s = time.monotonic(), 0.0
        for _ in range(NUM_STEPS):
            asked_s = time.monotonic()
            images, labels = next(batches)
            waited_s += time.monotonic() - asked_s
            step(images, labels)
        took_s = time.monotonic() - began_s
    return 1000 * waited_s / NUM_STEPS, 1000 * took_s / NUM_STEPS


def training_step() -> Step:
    config = ResNetConfig(embedding_size=8, hidden_sizes=[16, 32, 64], depths=[1, 1, 1], layer_type="basic")
    network = ResNetForImageClassification(config)
    optimizer = torch.optim.SGD(network.parameters(), 0.01)

    def step(images: Tensor, labels: Tensor) -> None:
        optimizer.zero_grad()
        cross_entropy(network(images.float() / 255).logits, labels).backward()
        optimizer.step()

    return step


def show(name: str, our: list[float], base: list[float]) -> None:
    ratios = [a / b for a, b in zip(our, base, strict=True)]
    spread = f"{statistics.median(ratios):10.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
    print(f"  {name:24} {statistics.median(our):10,.1f} {statistics.median(base):10,.1f} {spread}", flush=True)


def compare(case: Case, rounds: int, num_workers: int) -> None:
    print(f"{case.name}: {case.num_images:,} images of {case.file_size[0]} x {case.file_size[1]} to {case.size}")
    with tempfile.TemporaryDirectory() as folder:
        split, step = case.write(Path(folder)), training_step()
        results: list[tuple[tuple[float, float], ...]] = []
        for _ in range(rounds):
            results.append(
                (
                    rates(ours(split, case.size), len(split)),
                    rates(plain(split, case.size, num_workers), len(split)),
                    step_ms(ours(split, case.size), step),
                    step_ms(plain(split, case.size, num_workers), step),
                )
            )
        for at, names in ((0, ("first epoch, images/s", "later epochs, images/s")), (2, ("wait, ms", "step, ms"))):
            for of, name in enumerate(names):
                show(name, [each[at][of] for each in results], [each[at + 1][of] for each in results])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--images", type=int, default=2000, help="photographs, at least 500; of small images four times as many"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="loader processes of the plain way; ours has none")
    options = parser.parse_args()
    print(f"{'':26} {'ours':>10} {'baseline':>10}      ratio")
    for case in (
        Case("photographs (JPEG)", options.images, (500, 375), ".jpg", 224),
        Case("small images (PNG)", 4 * options.images, (32, 32), ".png", 32),
    ):
        compare(case, options.rounds, options.workers)


if __name__ == "__main__":
    main()
