"""How quickly images become batches: `python -m benchmarks.input`, ours beside the plain way, in turns in one run.

First the loaders alone, in images/s: the first epoch (ours with the filling of an empty cache) and later ones. Then the
second epoch's training steps of a small network on the CPU, in ms, beside the same step on a batch that lies in memory,
which is the network's own time. A ratio is the median of the rounds' ratios, with the lowest and the highest.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
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
NUM_STEPS = 20
Step = Callable[[Tensor, Tensor], object]


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


def ours(split: Split, size: int, epochs: int, step: Step | None) -> list[float]:
    """Return the seconds of each epoch, the first with an empty cache."""
    with tempfile.TemporaryDirectory() as folder:
        began_s = time.monotonic()
        batches = ImageBatches({"train": split}, Data(image_size=size, batch_size=BATCH_SIZE), 0, Position())
        cache = ImageCache(Path(folder), 10**12, lambda line: None, lambda done, total: None)
        batches.decoded = cache.open(batches.splits, 3, size)
        assert batches.decoded
        filled_s = time.monotonic() - began_s
        loader: Any = batches.train_dataloader()
        took_s = []
        for epoch in range(epochs):
            loader.sampler.set_epoch(epoch)
            took_s.append(epoch_s((batch[:2] for batch in loader), step))
        return [filled_s + took_s[0], *took_s[1:]]


def plain(split: Split, size: int, epochs: int, step: Step | None, num_workers: int) -> list[float]:
    loader = plain_loader(list(split.paths), list(split.labels), size, BATCH_SIZE, num_workers)
    return [epoch_s(loader, step) for _ in range(epochs)]


def epoch_s(batches: Iterable[tuple[Tensor, Tensor]], step: Step | None) -> float:
    """Return how long an epoch took; with a `step`, NUM_STEPS of it."""
    began_s = time.monotonic()
    for images, labels in batches if step is None else itertools.islice(batches, NUM_STEPS):
        if step is not None:
            step(images, labels)
    return time.monotonic() - began_s


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
    spread = f"{statistics.median(ratios):8.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    print(f"  {name:34} {statistics.median(our):10,.1f} {statistics.median(base):10,.1f} {spread}", flush=True)


def compare(case: Case, rounds: int, num_workers: int) -> None:
    print(f"{case.name}: {case.num_images:,} images of {case.file_size[0]} x {case.file_size[1]} to {case.size}")
    with tempfile.TemporaryDirectory() as folder:
        split = case.write(Path(folder))
        count, epochs = len(split), 1 + LATER_EPOCHS
        alone = [
            (ours(split, case.size, epochs, None), plain(split, case.size, epochs, None, num_workers))
            for _ in range(rounds)
        ]
        show("first epoch, images/s", *([count / took[at][0] for took in alone] for at in (0, 1)))
        show("later epochs, images/s", *([count / statistics.mean(took[at][1:]) for took in alone] for at in (0, 1)))
        step = training_step()
        in_memory = [
            (torch.zeros(BATCH_SIZE, 3, case.size, case.size, dtype=torch.uint8), torch.tensor(split.labels[:32]))
        ]
        own, our, base = [], [], []
        for _ in range(rounds):
            own.append(1000 / NUM_STEPS * epoch_s(in_memory * NUM_STEPS, step))
            our.append(1000 / NUM_STEPS * ours(split, case.size, 2, step)[1])
            base.append(1000 / NUM_STEPS * plain(split, case.size, 2, step, num_workers)[1])
        show("step, ms: ours beside in memory", our, own)
        show("step, ms: plain beside in memory", base, own)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000, help="photographs; of small images four times as many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="loader processes of the plain way; ours has none")
    options = parser.parse_args()
    print(f"{'':36} {'ours':>10} {'baseline':>10}    ratio")
    for case in (
        Case("photographs (JPEG)", options.images, (500, 375), ".jpg", 224),
        Case("small images (PNG)", 4 * options.images, (32, 32), ".png", 32),
    ):
        compare(case, options.rounds, options.workers)


if __name__ == "__main__":
    main()
