"""Classify any number of images with a model, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from app.cli.rest import Rest

MAX_IMAGES = 32
"""The most images that the service takes in one request."""
MAX_BYTES = 60_000_000
"""The most bytes, with room for the form around the images."""


def predict(rest: Rest, run_id: str, images: Sequence[Path], query: dict[str, Any]) -> dict[str, Any]:
    """Return the service's answer, with the predictions of all images. Raises ServiceError, Unreachable and OSError."""
    predictions: list[dict[str, Any]] = []
    answer: dict[str, Any] = {}
    for batch in _batches(images):
        parts = [("image", (str(path), path.read_bytes())) for path in batch]
        answer = rest.upload("training", "models", run_id, "predict", query=query, parts=parts)
        predictions += answer["predictions"]
    return {**answer, "predictions": predictions}


def _batches(images: Sequence[Path]) -> Iterator[list[Path]]:
    """Yield the images in batches that fit into one request each."""
    batch: list[Path] = []
    num_bytes = 0
    for path in images:
        size = path.stat().st_size
        if batch and (len(batch) == MAX_IMAGES or num_bytes + size > MAX_BYTES):
            yield batch
            batch, num_bytes = [], 0
        batch.append(path)
        num_bytes += size
    if batch:
        yield batch
