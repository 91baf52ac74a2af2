"""An ONNX file of ours at work: images are prepared by the facts that it carries. No torch: numpy and onnxruntime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray

from trainer.dataset.imagefile import read_image
from trainer.dataset.valuerange import ValueRange

MAX_BATCH = 32
"""More images are computed one after another: on a CPU larger batches gain nothing and need memory."""


class ModelInvalid(ValueError):
    """The file cannot be used; the message says why."""


class Outputs(NamedTuple):
    logits: NDArray[np.float32]
    """(B, num_classes)"""
    probabilities: NDArray[np.float32]
    """(B, num_classes); each row adds up to 1."""


class OnnxModel:
    """One file with its session on the CPU. Whatever the file's input is, `run` takes pixels as they were read."""

    def __init__(self, path: Path, num_threads: int = 0) -> None:
        """`num_threads` 0: onnxruntime's own choice. Raises ModelInvalid."""
        if not path.is_file():
            raise ModelInvalid(f"no such file: {path}")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = num_threads
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own have no common base
            raise ModelInvalid(f"onnxruntime cannot load {path}: {_first_line(error)}") from error
        try:
            self._take(self._session.get_modelmeta().custom_metadata_map)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelInvalid(f"not a model of this training program (its metadata lack the facts): {path}") from error

    def _take(self, metadata: dict[str, str]) -> None:
        facts: dict[str, Any] = {
            name: json.loads(metadata[name]) for name in ("class_names", "channels", "image_size", "mean", "std")
        }
        self.class_names = tuple(map(str, facts["class_names"]))
        self.channels, self.image_size = int(facts["channels"]), int(facts["image_size"])
        self.value_range = ValueRange.of(json.loads(metadata.get("value_range", "null")))
        self.includes_preprocessing = json.loads(metadata.get("includes_preprocessing", "false")) is True
        self._mean = np.array(facts["mean"], np.float32).reshape(-1, 1, 1)
        self._std = np.array(facts["std"], np.float32).reshape(-1, 1, 1)

    def read(self, path: Path) -> NDArray[np.uint8]:
        """Read an image as the training does: (C, H, W). Raises DataInvalid, naming the file."""
        return read_image(path, self.channels, self.image_size, self.value_range).transpose(2, 0, 1)

    def prepare(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """pixels: (B, C, H, W) -> what the file's input takes: the pixels themselves, or float32, normalised."""
        if self.includes_preprocessing:
            return np.ascontiguousarray(pixels)
        # As trainer.fit.module does on the device, to the last bit.
        return (pixels.astype(np.float32) / np.float32(255) - self._mean) / self._std

    def run(self, pixels: NDArray[np.uint8]) -> Outputs:
        """pixels: (B, C, H, W), any B of at least 1."""
        pieces = [self._run(pixels[start : start + MAX_BATCH]) for start in range(0, len(pixels), MAX_BATCH)]
        return Outputs(*map(np.concatenate, zip(*pieces)))

    def _run(self, pixels: NDArray[np.uint8]) -> Outputs:
        names = list(Outputs._fields if self.includes_preprocessing else Outputs._fields[:1])
        logits, *probabilities = self._session.run(names, {"input": self.prepare(pixels)})
        return Outputs(logits, probabilities[0] if probabilities else softmax(logits))


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """(B, num_classes) -> probabilities of the same shape."""
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    probabilities: NDArray[np.float32] = shifted / shifted.sum(1, keepdims=True)
    return probabilities


def _first_line(error: Exception) -> str:
    """Without onnxruntime's own prefix, like `[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : `."""
    return str(error).strip().partition("\n")[0].rpartition(" : ")[2] or type(error).__name__
