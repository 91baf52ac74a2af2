"""The model that a run leaves: the best checkpoint's ONNX file, the variants beside it, and the model card."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from trainer import rundir
from trainer.batches.datamodule import ImageBatches, evenly_spread
from trainer.fit.module import Classifier
from trainer.model.card import consumer_facts, model_card
from trainer.model.export import Exported, ExportFailed, export
from trainer.model.variants import Variants
from trainer.progress import ProgressFile
from trainer.request import Request
from trainer.stopping import Stop

NUM_COMPARED_IMAGES = 32
"""So many images, evenly spread over test (or val, where nothing is left to test on), the ONNX file is compared on."""

NUM_TRIAL_IMAGES = 2
"""So many are enough before the training: alone and together they show that the batch size is free."""


class ModelFiles:
    """Writes them into the run directory of `request`; `say` takes a line for people."""

    def __init__(
        self,
        request: Request,
        batches: ImageBatches,
        progress: ProgressFile,
        stop: Stop,
        say: Callable[[str], object],
    ) -> None:
        self._request = request
        self._batches = batches
        self._progress = progress
        self._stop = stop
        self._say = say

    def write(
        self,
        module: Classifier,
        checkpoint: Path,
        train_metrics: dict[str, float],
        test_metrics: dict[str, float] | None,
    ) -> dict[str, Any]:
        """Export `module`, which holds the weights of `checkpoint`; write and return the model card.

        Raises ExportFailed. The card is written as soon as the ONNX file was verified, so nothing that happens to the
        variants can lose the model: neither a Stopped, which they let through, nor too little memory. Without
        `test_metrics` (None) there are no variants: then a stop is waiting for us.
        """
        self._progress.begin_phase("export")
        facts = self._consumer_facts(module)
        path = checkpoint.with_suffix(".onnx")
        exported = self._export(module, path, facts, NUM_COMPARED_IMAGES)
        self._say(f"export: {path}, {exported.size_bytes:,} bytes, {_differs(exported)}")
        card = model_card(self._request, facts, checkpoint, exported, train_metrics, test_metrics or {})
        rundir.write_json(self._request.run.card, card)
        names = self._request.experiment.export.variants
        if names and test_metrics is not None:
            variants = Variants(exported.path, self._batches, self._progress, self._stop, self._say)
            card["variants"] = variants.write(names)
            rundir.write_json(self._request.run.card, card)
        self._progress.write()
        return card

    def try_export(self, module: Classifier) -> None:
        """Export the network as it is, before it is trained, and leave no file: what fails now would fail at the end.

        Raises ExportFailed. Changes nothing about `module` nor about what is random later.
        """
        path = self._request.run.checkpoints / ".trial.onnx"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with torch.random.fork_rng(devices=[]):
                exported = self._export(module, path, self._consumer_facts(module), NUM_TRIAL_IMAGES)
        except ExportFailed as error:
            raise ExportFailed(f"the network cannot be exported to ONNX, so it is not trained: {error}") from error
        finally:
            path.unlink(missing_ok=True)
        self._say(f"export: tried before the training on {NUM_TRIAL_IMAGES} images, {_differs(exported)}")

    def _consumer_facts(self, module: Classifier) -> dict[str, Any]:
        mean, std = module.mean.flatten().tolist(), module.std.flatten().tolist()
        return consumer_facts(self._request, self._batches.splits["train"].class_names, mean, std)

    def _export(self, module: Classifier, path: Path, facts: dict[str, Any], num_images: int) -> Exported:
        pixels = self._compared_pixels(num_images)
        opset = self._request.experiment.export.opset
        plain = copy.deepcopy(module.tested_network)  # without what torch.compile made of it
        return export(plain, path, pixels, module.normalise(pixels), opset, facts)

    def _compared_pixels(self, num_images: int) -> torch.Tensor:
        images = self._batches.dataset(self._batches.tested_split)
        chosen = [images.pixels(index) for index in evenly_spread(len(images), num_images)]
        # A single test image stands beside itself: it takes a batch of two to show that the batch size is free.
        return torch.stack(chosen * 2 if len(chosen) == 1 else chosen)


def _differs(exported: Exported) -> str:
    seen = exported.agreement
    return f"differs from the network by {seen.max_difference:.1e} (allowed {seen.allowed_difference:.1e})"
