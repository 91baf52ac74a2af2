"""Run an ONNX file of this training program, preparing images as its metadata says. Imports no torch."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from trainer.dataset.imagefile import read_image
from trainer.dataset.valuerange import ValueRange

MAX_BATCH = 32
"""Larger inputs are split: on a CPU, larger batches are not faster and need more memory."""


class ModelInvalid(ValueError):
    """The file cannot be used; the message says why."""


class Outputs(NamedTuple):
    logits: NDArray[np.float32]
    """(B, num_classes)"""
    probabilities: NDArray[np.float32]
    """(B, num_classes). Each row sums to 1."""
    heatmaps: NDArray[np.float32] | None = None
    """(B, h, w) from 0 to 1. None if the file has no heatmap."""


class Prediction(NamedTuple):
    ranking: list[tuple[str, float]]
    """Classes with their probabilities, the most probable first."""
    heatmap: NDArray[np.float32] | None
    """(h, w) from 0 to 1. None if the model has no heatmap."""


class OnnxModel:
    """A model in a session on the CPU. `run` takes raw pixels, whether or not the file includes preprocessing."""

    def __init__(self, path: Path, num_threads: int = 0) -> None:
        """Load the file. With `num_threads` 0 onnxruntime chooses. Raises ModelInvalid."""
        if not path.is_file():
            raise ModelInvalid(f"no such file: {path}")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = num_threads
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions have no common base
            raise ModelInvalid(f"onnxruntime cannot load {path}: {_first_line(error)}") from error
        try:
            self._read_metadata(self._session.get_modelmeta().custom_metadata_map)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelInvalid(f"not a model of this training program (it lacks our metadata): {path}") from error

    def _read_metadata(self, metadata: dict[str, str]) -> None:
        self.class_names = tuple(map(str, json.loads(metadata["class_names"])))
        self.channels, self.image_size = int(metadata["channels"]), int(metadata["image_size"])
        self.value_range = ValueRange.of(json.loads(metadata.get("value_range", "null")))
        self.includes_preprocessing = json.loads(metadata.get("includes_preprocessing", "false")) is True
        self.explanation: dict[str, Any] | None = json.loads(metadata.get("explanation", "null"))
        """What the model card says about the heatmap, or None if the file has none."""
        self._mean, self._std = (
            np.array(json.loads(metadata[name]), np.float32).reshape(-1, 1, 1) for name in ("mean", "std")
        )

    def describe_input(self) -> dict[str, Any]:
        """Describe for people and programs how an image becomes the input."""
        return {
            "channels": self.channels,
            "image_size": self.image_size,
            "value_range": None if self.value_range is None else list(self.value_range),
            "mean": self._mean.ravel().tolist(),
            "std": self._std.ravel().tolist(),
            "includes_preprocessing": self.includes_preprocessing,
        }

    def read(self, path: Path) -> NDArray[np.uint8]:
        """Read an image as the training does: (C, H, W). Raises DataInvalid with the file's name."""
        return read_image(path, self.channels, self.image_size, self.value_range).transpose(2, 0, 1)

    def prepare(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """pixels: (B, C, H, W) -> the file's input: the pixels themselves, or normalised float32."""
        if self.includes_preprocessing:
            return np.ascontiguousarray(pixels)
        # Bit by bit the result of trainer.fit.module.
        return (pixels.astype(np.float32) / np.float32(255) - self._mean) / self._std

    def run(self, pixels: NDArray[np.uint8]) -> Outputs:
        """Run the model on pixels, (B, C, H, W), with B at least 1."""
        chunks = [self._run(pixels[start : start + MAX_BATCH]) for start in range(0, len(pixels), MAX_BATCH)]
        logits, probabilities = (np.concatenate([chunk[index] for chunk in chunks]) for index in range(2))
        heatmaps = [chunk.heatmaps for chunk in chunks if chunk.heatmaps is not None]
        return Outputs(logits, probabilities, np.concatenate(heatmaps) if heatmaps else None)

    def predict(self, pixels: NDArray[np.uint8], top: int) -> list[Prediction]:
        """Return the `top` classes of each image. `pixels` as for `run`."""
        _, probabilities, heatmaps = self.run(pixels)
        labels = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
        rankings = [[(self.class_names[i], float(row[i])) for i in best] for row, best in zip(probabilities, labels)]
        return [Prediction(*each) for each in zip(rankings, itertools.repeat(None) if heatmaps is None else heatmaps)]

    def _run(self, pixels: NDArray[np.uint8]) -> Outputs:
        values = self._session.run(None, {"input": self.prepare(pixels)})
        found = dict(zip((each.name for each in self._session.get_outputs()), values))
        logits = found["logits"]
        probabilities = found["probabilities"] if self.includes_preprocessing else softmax(logits)
        return Outputs(logits, probabilities, found.get("heatmap"))


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """(B, num_classes) -> probabilities of the same shape."""
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    probabilities: NDArray[np.float32] = shifted / shifted.sum(1, keepdims=True)
    return probabilities


def _first_line(error: Exception) -> str:
    """Return the message without onnxruntime's prefix, such as `[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : `."""
    return str(error).strip().partition("\n")[0].rpartition(" : ")[2] or type(error).__name__
