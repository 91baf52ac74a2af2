"""The first lines of a training's log."""

from __future__ import annotations

from collections.abc import Iterator

import lightning
import torch
import transformers

from trainer.fit.module import Classifier
from trainer.fit.resume import EarlierRun
from trainer.request import Request


def summary_lines(request: Request, module: Classifier, device: str, earlier: EarlierRun | None) -> Iterator[str]:
    """Describe the run directory, versions, images, network and, on a resume, the checkpoint."""
    experiment, splits = request.experiment, request.splits
    yield f"run {request.run.path}"
    versions = f"torch {torch.__version__}, lightning {lightning.__version__}, transformers {transformers.__version__}"
    yield f"{versions}, on {device}, precision {experiment.trainer.precision}"
    counts = ", ".join(f"{len(split):,} {name}" for name, split in splits.items())
    yield f"images: {counts}; {len(splits['train'].class_names)} classes"
    for name, split in splits.items():
        if split.origin:
            yield f"{name} images: {split.origin}, because the dataset has no {name} folder"
    if "test" not in splits:
        yield "no test images: the model is not tested, and the report is about the val images (see data.test_share)"
    model = experiment.model
    network_name = model.architecture or model.pretrained or model.class_path
    yield f"{network_name}: {module.network.num_parameters:,} parameters"
    if earlier:
        position = earlier.position
        batches = f" and {position.batch} batches" if position.batch else ""
        yield f"resuming from {earlier.checkpoint}: {position.epoch} epochs{batches} done"
