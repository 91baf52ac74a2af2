"""The smaller variants of a run's ONNX file, each measured beside the original on all test images (val without any)."""

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

from trainer.batches.datamodule import ImageBatches, evenly_spread
from trainer.model.conversion import convert
from trainer.model.export import reason_of, size_and_hash
from trainer.model.session import MAX_BATCH, OnnxModel
from trainer.progress import ProgressFile
from trainer.stopping import Stop

MAX_CALIBRATION_IMAGES = 512


@dataclass
class Tally:
    """A variant's logits against the labels and against the original's, over all batches so far."""

    num_images: int = 0
    num_right: int = 0
    num_original_right: int = 0
    num_agreeing: int = 0
    max_difference: float = 0.0

    def add(self, logits: NDArray[Any], original: NDArray[Any], labels: NDArray[Any]) -> None:
        """logits, original: (B, num_classes); labels: (B,). Raises ValueError for logits that are not finite."""
        if not np.isfinite(logits).all():
            raise ValueError("its outputs are not finite")
        chosen, original_chosen = logits.argmax(1), original.argmax(1)
        self.num_images += len(labels)
        self.num_right += int((chosen == labels).sum())
        self.num_original_right += int((original_chosen == labels).sum())
        self.num_agreeing += int((chosen == original_chosen).sum())
        self.max_difference = max(self.max_difference, float(np.abs(logits - original).max()))

    def facts(self, split: str) -> dict[str, float]:
        """What was measured on the images of `split`."""
        return {
            f"{split}_acc": self.num_right / self.num_images,
            f"original_{split}_acc": self.num_original_right / self.num_images,
            "agreement": self.num_agreeing / self.num_images,
            "max_difference": self.max_difference,
        }


@dataclass
class Variant:
    """One variant on its way: made, measured, or with an `error` that says why there is none."""

    name: str
    path: Path
    model: OnnxModel | None = None
    tally: Tally = field(default_factory=Tally)
    error: str | None = None

    @property
    def temporary(self) -> Path:
        """Where it is until it was measured."""
        return self.path.with_name(f".{self.path.name}")

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Take an exception within for the variant's error; the traceback goes into the log."""
        try:
            yield
        except Exception as error:
            traceback.print_exception(error)
            self.error = reason_of(error)


class Variants:
    """Makes the variants of the ONNX file `original` and puts them beside it; `say` takes a line for people."""

    def __init__(
        self,
        original: Path,
        batches: ImageBatches,
        progress: ProgressFile,
        stop: Stop,
        say: Callable[[str], object],
    ) -> None:
        self._path = original
        self._original = OnnxModel(original, torch.get_num_threads())
        self._batches = batches
        self._progress = progress
        self._stop = stop
        self._say = say
        self._calibration = evenly_spread(len(batches.splits["train"]), MAX_CALIBRATION_IMAGES)
        self._num_batches_done = 0

    def write(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return an entry of the model card for each name: what was measured, or the `error` why there is no file.

        Raises Stopped, and then leaves none behind.
        """
        num_calibration_batches = -(-len(self._calibration) // MAX_BATCH) if "int8" in names else 0
        self._progress.begin_phase("export", num_calibration_batches + len(self._batches.test_dataloader()))
        variants = [Variant(name, self._path.with_suffix(f".{name}.onnx")) for name in names]
        try:
            for variant in variants:
                self._stop.check()
                with variant.attempt():
                    self._make(variant)
            self._measure([variant for variant in variants if variant.error is None])
            return [self._finish(variant) for variant in variants]
        finally:
            for variant in variants:
                variant.temporary.unlink(missing_ok=True)

    def _make(self, variant: Variant) -> None:
        convert(variant.name, self._path, variant.temporary, self._calibration_batches())
        variant.model = OnnxModel(variant.temporary, torch.get_num_threads())

    def _calibration_batches(self) -> Iterator[NDArray[Any]]:
        images = self._batches.dataset("train")
        for start in range(0, len(self._calibration), MAX_BATCH):
            batch = images.__getitems__(self._calibration[start : start + MAX_BATCH])
            yield self._original.prepare(batch.images.numpy())
            self._count(len(batch.labels))

    def _measure(self, variants: list[Variant]) -> None:
        """Run the images through the original and all variants at once, so that it is read once."""
        for batch in self._batches.test_dataloader() if variants else ():
            pixels, labels = batch.images.numpy(), batch.labels.numpy()
            expected = self._original.run(pixels).logits
            for variant in variants:
                if variant.model is not None and variant.error is None:
                    with variant.attempt():
                        variant.tally.add(variant.model.run(pixels).logits, expected, labels)
            self._count(len(labels))

    def _count(self, num_images: int) -> None:
        self._num_batches_done += 1
        self._progress.count_batch(self._num_batches_done, num_images, None)
        self._stop.check()

    def _finish(self, variant: Variant) -> dict[str, Any]:
        """Give the file its name, tell of it, and return its entry in the card."""
        if variant.error is not None:
            self._say(f"variant {variant.name}: there is none: {variant.error}")
            return {"name": variant.name, "error": variant.error}
        size_bytes, sha256 = size_and_hash(variant.temporary)
        variant.temporary.replace(variant.path)
        split = self._batches.tested_split
        path, facts = str(variant.path.resolve()), variant.tally.facts(split)
        self._say(
            f"variant {variant.name}: {variant.path}, {size_bytes:,} bytes, {split}/acc {facts[f'{split}_acc']:.4f}"
            f" (original {facts[f'original_{split}_acc']:.4f}), the same class for {facts['agreement']:.2%},"
            f" logits differ by up to {facts['max_difference']:.2g}"
        )
        entry = {"name": variant.name, "model_path": path, "size_bytes": size_bytes, "sha256": sha256}
        calibration = {"num_calibration_images": len(self._calibration)} if variant.name == "int8" else {}
        return entry | facts | calibration
