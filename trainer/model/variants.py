"""Make smaller variants of an ONNX file, and measure each beside the original on all images of the tested split."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.batches.datamodule import ImageDataModule
from trainer.batches.statistics import evenly_spaced
from trainer.model.conversion import convert
from trainer.model.export import put_in_place, reason_of
from trainer.model.session import MAX_BATCH, OnnxModel, Outputs
from trainer.progress import ProgressFile
from trainer.stopping import Stop

MAX_CALIBRATION_IMAGES = 512


@dataclass
class Variant:
    """One variant: converted, measured, or failed with an `error`."""

    name: str
    path: Path
    model: OnnxModel | None = None
    num_right: int = 0
    num_agreeing: int = 0
    """Images for which it predicts the same class as the original."""
    max_difference: float = 0.0
    """Of a logit from the original's."""
    heatmap_differences: list[float] = field(default_factory=list)
    """Mean difference of the heatmaps from the original's, of each image. Empty without heatmaps."""
    error: str | None = None

    @property
    def temporary(self) -> Path:
        """The path of the file until the variant is measured."""
        return self.path.with_name(f".{self.path.name}")

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Turn an exception in the `with` block into this variant's error, and print its traceback."""
        try:
            yield
        except Exception as error:
            traceback.print_exception(error)
            self.error = reason_of(error)

    def measure(self, pixels: NDArray[np.uint8], labels: NDArray[np.int64], original: Outputs) -> None:
        """Run the variant on pixels, (B, C, H, W). Raises ValueError if its outputs are not finite."""
        assert self.model is not None
        logits, _, heatmaps = self.model.run(pixels)
        if not all(np.isfinite(each).all() for each in (logits, heatmaps) if each is not None):
            raise ValueError("its outputs are not finite")
        predictions = logits.argmax(1)
        self.num_right += int((predictions == labels).sum())
        self.num_agreeing += int((predictions == original.logits.argmax(1)).sum())
        self.max_difference = max(self.max_difference, float(np.abs(logits - original.logits).max()))
        if heatmaps is not None and original.heatmaps is not None:
            self.heatmap_differences += np.abs(heatmaps - original.heatmaps).mean((1, 2)).tolist()


class Variants:
    """Makes variants of the ONNX file `original` and puts them beside it. `log` writes a line to the log."""

    def __init__(
        self,
        original: Path,
        data_module: ImageDataModule,
        progress: ProgressFile,
        stop: Stop,
        log: Callable[[str], object],
    ) -> None:
        self._path = original
        self._original = OnnxModel(original, torch.get_num_threads())
        self._data_module = data_module
        self._progress = progress
        self._stop = stop
        self._log = log
        self._calibration = evenly_spaced(len(data_module.splits["train"]), MAX_CALIBRATION_IMAGES)
        self._num_images = 0
        self._num_right = 0
        self._num_batches_done = 0

    def write(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return each variant's entry in the model card, with the measured values or the `error`.

        Raises Stopped, and then leaves no variant behind.
        """
        num_calibration_batches = -(-len(self._calibration) // MAX_BATCH) if "int8" in names else 0
        self._progress.begin_phase("export", num_calibration_batches + self._data_module.num_test_batches)
        variants = [Variant(name, self._path.with_suffix(f".{name}.onnx")) for name in names]
        try:
            for variant in variants:
                self._stop.check()
                with variant.attempt():
                    self._convert(variant)
            self._measure([variant for variant in variants if variant.error is None])
            return [self._finish(variant) for variant in variants]
        finally:
            for variant in variants:
                variant.temporary.unlink(missing_ok=True)

    def _convert(self, variant: Variant) -> None:
        convert(variant.name, self._path, variant.temporary, self._calibration_batches())
        variant.model = OnnxModel(variant.temporary, torch.get_num_threads())

    def _calibration_batches(self) -> Iterator[NDArray[Any]]:
        images = self._data_module.dataset("train")
        for start in range(0, len(self._calibration), MAX_BATCH):
            batch = images.__getitems__(self._calibration[start : start + MAX_BATCH])
            yield self._original.prepare(batch.images.numpy())
            self._count(len(batch.labels))

    def _measure(self, variants: list[Variant]) -> None:
        """Run all variants and the original batch by batch, so that each image is read once."""
        for batch in self._data_module.test_dataloader() if variants else ():
            pixels, labels = batch.images.numpy(), batch.labels.numpy()
            original = self._original.run(pixels)
            self._num_images += len(labels)
            self._num_right += int((original.logits.argmax(1) == labels).sum())
            for variant in variants:
                if variant.error is None:
                    with variant.attempt():
                        variant.measure(pixels, labels, original)
            self._count(len(labels))

    def _count(self, num_images: int) -> None:
        self._num_batches_done += 1
        self._progress.count_batch(self._num_batches_done, num_images, None)
        self._stop.check()

    def _finish(self, variant: Variant) -> dict[str, Any]:
        """Rename the file to its final name, log the result, and return the entry in the card."""
        if variant.error is not None:
            self._log(f"variant {variant.name}: failed: {variant.error}")
            return {"name": variant.name, "error": variant.error}
        size_bytes, sha256 = put_in_place(variant.temporary, variant.path)
        measured = self._compare(variant)
        acc, original_acc, agreement, difference, *_ = measured.values()
        self._log(
            f"variant {variant.name}: {variant.path}, {size_bytes:,} bytes, accuracy {acc:.4f} (original"
            f" {original_acc:.4f}), same class for {agreement:.2%}, logits differ by at most {difference:.2g}"
        )
        entry = {"name": variant.name, "model_path": str(variant.path.resolve())}
        calibration = {"num_calibration_images": len(self._calibration)} if variant.name == "int8" else {}
        return entry | {"size_bytes": size_bytes, "sha256": sha256} | measured | calibration

    def _compare(self, variant: Variant) -> dict[str, float]:
        """Return the measured values for the model card."""
        split, differences = self._data_module.tested_split, variant.heatmap_differences
        return {
            f"{split}_acc": variant.num_right / self._num_images,
            f"original_{split}_acc": self._num_right / self._num_images,
            "agreement": variant.num_agreeing / self._num_images,
            "max_difference": variant.max_difference,
            **({"heatmap_difference": float(np.mean(differences))} if differences else {}),
        }
