"""The datasets: folders NAME/{train,val,test}/CLASS/ with images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from app.runs.exceptions import DatasetNotFound
from app.runs.names import is_plain_name
from trainer.imagefolder import count_images

SPLITS = ("train", "val", "test")


class DatasetFolder:
    """Discover datasets. Each call reads the disk."""

    def __init__(self, data_dir: Path) -> None:
        self._dir = data_dir

    def names(self) -> list[str]:
        """List the folders that hold all three splits, sorted."""
        try:
            return sorted(path.name for path in self._dir.iterdir() if self._is_dataset(path))
        except OSError:
            return []

    def paths(self, name: str) -> dict[str, Path]:
        """The three split folders by split. Raises DatasetNotFound."""
        if not is_plain_name(name) or not self._is_dataset(self._dir / name):
            raise DatasetNotFound(name, self.names())
        return {split: self._dir / name / split for split in SPLITS}

    def describe(self) -> list[dict[str, Any]]:
        """Describe each dataset: its folders, its classes and the number of images per split."""
        described = []
        for name in self.names():
            try:
                described.append(self._describe(name))
            except OSError:
                continue  # Removed or locked meanwhile: not usable, so not listed.
        return described

    def _describe(self, name: str) -> dict[str, Any]:
        counts = {split: count_images(path) for split, path in self.paths(name).items()}
        class_names = sorted({label for per_class in counts.values() for label, count in per_class.items() if count})
        return {
            "dataset_name": name,
            **{f"{split}_path": str(self._dir / name / split) for split in SPLITS},
            "dataset_base_path": str(self._dir / name),
            "class_names": class_names,
            "num_images": {split: sum(per_class.values()) for split, per_class in counts.items()},
        }

    @staticmethod
    def _is_dataset(path: Path) -> bool:
        return is_plain_name(path.name) and all(os.path.isdir(path / split) for split in SPLITS)
