"""The baseline of benchmarks.input, as in any tutorial: Pillow in a Dataset, with loader processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset


class PlainImages(Dataset[tuple[Tensor, int]]):
    def __init__(self, paths: list[Path], labels: list[int], size: int) -> None:
        self._paths = paths
        self._labels = labels
        self._size = size

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        with Image.open(self._paths[index]) as file:
            image = file.convert("RGB").resize((self._size, self._size), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1), self._labels[index]


def plain_loader(
    paths: list[Path], labels: list[int], size: int, batch_size: int, num_workers: int
) -> DataLoader[tuple[Tensor, int]]:
    images = PlainImages(paths, labels, size)
    return DataLoader(images, batch_size, shuffle=True, num_workers=num_workers, persistent_workers=num_workers > 0)
