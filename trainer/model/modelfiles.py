"""Write the files of a model: the ONNX file of a checkpoint, its variants, and the model card."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from trainer import rundir
from trainer.batches.datamodule import ImageDataModule
from trainer.batches.statistics import evenly_spaced
from trainer.experiment.experiment import ExperimentInvalid
from trainer.explanation.explained import RIGHT, Explained
from trainer.explanation.readout import NotExplainable
from trainer.fit.module import Classifier
from trainer.model.card import model_card, onnx_metadata
from trainer.model.export import Exported, ExportFailed, export
from trainer.model.variants import Variants
from trainer.progress import ProgressFile
from trainer.request import Request
from trainer.stopping import Stop

NUM_COMPARED_IMAGES = 32
"""Images of the tested split, evenly spaced, to compare the ONNX file with the network."""

NUM_TRIAL_IMAGES = 2
"""Images for the trial export. One alone and two together prove that the batch size is dynamic."""


class ModelFiles:
    """Writes the model's files into the run directory of `request`. `log` writes a line to the log."""

    def __init__(
        self,
        request: Request,
        data_module: ImageDataModule,
        progress: ProgressFile,
        stop: Stop,
        log: Callable[[str], object],
    ) -> None:
        self._request = request
        self._data_module = data_module
        self._progress = progress
        self._stop = stop
        self._log = log

    def write(
        self,
        module: Classifier,
        checkpoint: Path,
        train_metrics: dict[str, float],
        test_metrics: dict[str, float] | None,
    ) -> dict[str, Any]:
        """Export `module`, which holds the weights of `checkpoint`, then write and return the model card.

        `test_metrics` is None after a stop, which leaves no time for variants. Raises ExportFailed, and Stopped between
        variants. The card is written before the variants, so that a failure there cannot lose the model.
        """
        self._progress.begin_phase("export")
        metadata = self._metadata(module)
        path = checkpoint.with_suffix(".onnx")
        exported = self._export_trained(module, path, metadata)
        self._log(f"export: {path}, {exported.size_bytes:,} bytes, {_difference(exported)}")
        card = model_card(self._request, metadata, checkpoint, exported, train_metrics, test_metrics or {})
        rundir.write_json(self._request.run.card, card)
        names = self._request.experiment.export.variants
        if names and test_metrics is not None:
            variants = Variants(exported.path, self._data_module, self._progress, self._stop, self._log)
            card["variants"] = variants.write(names)
            rundir.write_json(self._request.run.card, card)
        self._progress.write()
        return card

    def try_export(self, module: Classifier) -> None:
        """Export the untrained network and delete the file, to detect early what would fail after the training.

        Raises ExportFailed, and ExperimentInvalid if the network allows no heatmap. Changes neither `module` nor the
        random state.
        """
        path = self._request.run.checkpoints / ".trial.onnx"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with torch.random.fork_rng(devices=[]):
                is_explained = self._request.experiment.export.explanation
                exported = self._export(module, path, self._metadata(module), NUM_TRIAL_IMAGES, is_explained)
        except NotExplainable as error:
            raise ExperimentInvalid(
                {"export.explanation": [f"this network allows no heatmap: {error}. {RIGHT}"]}
            ) from None
        except ExportFailed as error:
            raise ExportFailed(f"the network cannot be exported to ONNX, so its training ends: {error}") from error
        finally:
            path.unlink(missing_ok=True)
        self._log(f"export: trial with {NUM_TRIAL_IMAGES} images, {_difference(exported)}")

    def explain(self, module: Classifier, indices: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """Return the heatmaps, (h, w), of tested images by index. Empty without `export.explanation`."""
        if not self._request.experiment.export.explanation or not indices:
            return {}
        tested = self._data_module.dataset(self._data_module.tested_split)
        examples = self._compared_pixels(NUM_TRIAL_IMAGES)
        pixels = torch.cat([examples, torch.stack([tested.pixels(index) for index in indices])])
        images = module.normalise(pixels.to(module.device)).cpu()
        try:
            explained = Explained(copy.deepcopy(module.eval_network), images[: len(examples)])
        except NotExplainable as error:
            self._log(f"the report has no heatmaps: {error}")
            return {}
        with torch.no_grad():
            heatmaps = explained(images[len(examples) :])[1].numpy()
        return dict(zip(indices, heatmaps, strict=True))

    def _metadata(self, module: Classifier) -> dict[str, Any]:
        mean, std = module.mean.flatten().tolist(), module.std.flatten().tolist()
        return onnx_metadata(self._request, self._data_module.splits["train"].class_names, mean, std)

    def _export_trained(self, module: Classifier, path: Path, metadata: dict[str, Any]) -> Exported:
        """Export the trained network, without the heatmap if that fails, because the model is worth more."""
        if self._request.experiment.export.explanation:
            try:
                return self._export(module, path, metadata, NUM_COMPARED_IMAGES, is_explained=True)
            except (ExportFailed, NotExplainable) as error:
                self._log(f"export: the model has no heatmap, because its export failed: {error}")
        return self._export(module, path, metadata, NUM_COMPARED_IMAGES, is_explained=False)

    def _export(
        self, module: Classifier, path: Path, metadata: dict[str, Any], num_images: int, is_explained: bool
    ) -> Exported:
        pixels = self._compared_pixels(num_images)
        images = module.normalise(pixels)
        opset = self._request.experiment.export.opset
        network: nn.Module = copy.deepcopy(module.eval_network)  # the copy is not compiled by torch.compile
        if is_explained:
            network = Explained(network, images[:NUM_TRIAL_IMAGES])
        return export(network, path, pixels, images, opset, metadata)

    def _compared_pixels(self, num_images: int) -> torch.Tensor:
        images = self._data_module.dataset(self._data_module.tested_split)
        chosen = [images.pixels(index) for index in evenly_spaced(len(images), num_images)]
        # Repeat a single test image: only a batch of two proves that the batch size is dynamic.
        return torch.stack(chosen * 2 if len(chosen) == 1 else chosen)


def _difference(exported: Exported) -> str:
    agreement, explanation = exported.agreement, exported.explanation
    text = f"differs from the network by {agreement.max_difference:.1e} (allowed {agreement.allowed_difference:.1e})"
    return text if explanation is None else f"{text}, with a heatmap ({explanation['method']})"
