"""The ONNX file: written, checked, loaded again and compared with the checkpoint before it gets its name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor

from trainer.network import Network
from trainer.onnxmodel import OnnxModel
from trainer.rawpixels import include_preprocessing

TOLERANCE = 1e-4
"""Largest allowed difference between a logit, or a probability, of the ONNX file and of the checkpoint."""


class ExportFailed(Exception):
    """There is no ONNX file, or none that computes what the checkpoint does."""


@dataclass(frozen=True)
class Exported:
    path: Path
    size_bytes: int
    sha256: str
    opset: int
    max_difference: float


def export(network: Network, path: Path, pixels: Tensor, images: Tensor, opset: int, facts: dict[str, Any]) -> Exported:
    """Write `network` to `path` as one self-contained file, input "input" and output "logits", any batch size.

    `facts` (trainer.card's consumer_facts) become the file's metadata_props, texts as they are, everything else as
    JSON; they say too whether preprocessing is part of the graph. It is compared on `pixels` (B, C, H, W) uint8, at
    least two real images, alone and together, with what the network makes of `images`, the same ones normalised.
    Whatever fails is an ExportFailed, and then no file is at `path`. Leaves the network on the CPU, in eval mode.
    """
    temporary = path.with_name(f".{path.name}")
    try:
        network.cpu().eval()
        _write(network, temporary, images[:2], opset, facts)
        onnx.checker.check_model(str(temporary), full_check=True)
        max_difference = _compare(network, temporary, pixels, images)
        size_bytes, sha256 = size_and_hash(temporary)
        temporary.replace(path)
    except Exception as error:
        raise ExportFailed(reason_of(error)) from error
    finally:
        temporary.unlink(missing_ok=True)
    return Exported(path, size_bytes, sha256, opset, max_difference)


def _write(network: Network, path: Path, example: Tensor, opset: int, facts: dict[str, Any]) -> None:
    program = torch.onnx.export(
        network,
        (example,),
        dynamo=True,
        external_data=False,
        input_names=["input"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
        opset_version=opset,
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    _strip(model.graph)
    if facts["includes_preprocessing"]:
        include_preprocessing(model, facts["mean"], facts["std"])
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in facts.items()}
    onnx.helper.set_model_props(model, texts)
    path.write_bytes(model.SerializeToString())


def _strip(graph: onnx.GraphProto) -> None:
    """Leave out the exporter's notes, which can be longer than the weights and tell this machine's paths."""
    del graph.metadata_props[:]
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]


def _compare(network: Network, path: Path, pixels: Tensor, images: Tensor) -> float:
    model = OnnxModel(path, torch.get_num_threads())
    largest = 0.0
    for size in (len(images), 1):
        with torch.no_grad():
            logits = network(images[:size])
        expected = (logits.numpy(), logits.softmax(1).numpy())
        for found, wanted in zip(model.run(pixels[:size].numpy()), expected):
            difference = float(np.abs(found - wanted).max(initial=0.0))
            if not difference <= TOLERANCE:  # also true of not-a-number
                raise ValueError(
                    f"its outputs differ from the checkpoint's by {difference:.2g}, allowed are {TOLERANCE:.0e}"
                )
            largest = max(largest, difference)
    return largest


def size_and_hash(path: Path) -> tuple[int, str]:
    """The file's size in bytes and its SHA-256."""
    content = path.read_bytes()
    return len(content), hashlib.sha256(content).hexdigest()


def reason_of(error: Exception) -> str:
    """What to tell people of a failed export, in one line."""
    first = str(error).strip().partition("\n")[0]
    return first if type(error) is ValueError and first else f"{type(error).__name__}: {first}"
