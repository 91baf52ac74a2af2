"""The metadata inside an ONNX file, for its consumers, and the model card, for people and programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer.model.export import Exported
from trainer.preparation.images import describe_splits
from trainer.request import Request


def onnx_metadata(request: Request, class_names: Sequence[str], mean: list[float], std: list[float]) -> dict[str, Any]:
    """Return the metadata of the ONNX file (metadata_props): how to prepare images and how to read logits."""
    data, includes_preprocessing = request.experiment.data, request.experiment.export.include_preprocessing
    return {
        "class_names": list(class_names),
        "mean": mean,
        "std": std,
        "value_range": None if data.value_range is None else list(data.value_range),
        "input_shape": [None, data.channels, data.side, data.side],
        "channels": data.channels,
        "image_size": data.side,
        "resize": "to a square of image_size, without cropping: Pillow, BILINEAR",
        "input_type": "uint8" if includes_preprocessing else "float32",
        "includes_preprocessing": includes_preprocessing,
        "run_id": request.run.run_id,
        "model_name": request.model_name,
    }


def model_card(
    request: Request,
    metadata: dict[str, Any],
    checkpoint: Path,
    exported: Exported,
    train_metrics: dict[str, float],
    test_metrics: dict[str, float],
) -> dict[str, Any]:
    """Return the content of classification_model.json, without the entries of its variants (see model.variants)."""
    return {
        "run_id": request.run.run_id,
        "model_name": request.model_name,
        "model_path": str(exported.path.resolve()),
        "dataset_name": request.dataset_name,
        "config_name": request.config_name,
        "splits": describe_splits(request.splits),
        "class_names": metadata["class_names"],
        "train_metrics": train_metrics,
        "test_metrics": test_metrics,
        **metadata,
        "checkpoint": checkpoint.name,
        "opset": exported.opset,
        "size_bytes": exported.size_bytes,
        "sha256": exported.sha256,
        **exported.agreement.metadata(),
        "explanation": exported.explanation,
        "variants": [],
    }
