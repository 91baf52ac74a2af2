"""A small dataset to check."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trainer.trainings import write_images
from trainer.dataset.splits import SPLITS, Layout


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return write_images(tmp_path / "pets", {"cat": 60, "dog": 180}, counts=(12, 3, 3))


def folders(base: Path) -> Layout:
    return Layout({split: base / split for split in SPLITS})
