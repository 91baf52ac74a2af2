"""What is told about a model: to its consumers inside the ONNX file, to people and programs in the model card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer.model.export import Exported
from trainer.preparation.images import describe_splits
from trainer.request import Request


def consumer_facts(request: Request, class_names: Sequence[str], mean: list[float], std: list[float]) -> dict[str, Any]:
    """What a consumer needs to prepare images and to read logits; the ONNX file's metadata_props."""
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
    facts: dict[str, Any],
    checkpoint: Path,
    exported: Exported,
    train_metrics: dict[str, float],
    test_metrics: dict[str, float],
) -> dict[str, Any]:
    """The content of classification_model.json; `facts` are consumer_facts'. model.variants adds its entries."""
    return {
        "run_id": request.run.run_id,
        "model_name": request.model_name,
        "model_path": str(exported.path.resolve()),
        "dataset_name": request.dataset_name,
        "config_name": request.config_name,
        "splits": describe_splits(request.splits),
        "class_names": facts["class_names"],
        "train_metrics": train_metrics,
        "test_metrics": test_metrics,
        **facts,
        "checkpoint": checkpoint.name,
        "opset": exported.opset,
        "size_bytes": exported.size_bytes,
        "sha256": exported.sha256,
        **exported.agreement.facts(),
        "variants": [],
    }
