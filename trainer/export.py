"""The ONNX file: written, checked, loaded again and compared with the checkpoint before it gets its name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import torch
from torch import Tensor

from trainer.network import Network

TOLERANCE = 1e-4
"""Largest allowed difference between a logit of the ONNX file and of the checkpoint."""


class ExportFailed(Exception):
    """There is no ONNX file, or none that computes what the checkpoint does."""


@dataclass(frozen=True)
class Exported:
    path: Path
    sha256: str
    opset: int
    max_difference: float


def export(network: Network, path: Path, images: Tensor, opset: int, metadata: dict[str, Any]) -> Exported:
    """Write `network` to `path` as one self-contained file, input "input" and output "logits", any batch size.

    `images` (B, C, H, W), at least two real and normalised ones, are what it is compared on, alone and together.
    `metadata` becomes the file's metadata_props: texts as they are, everything else as JSON. Whatever fails is an
    ExportFailed, and then no file is at `path`. Leaves the network on the CPU, in eval mode.
    """
    temporary = path.with_name(f".{path.name}")
    try:
        network.cpu().eval()
        _write(network, temporary, images[:2], opset, metadata)
        onnx.checker.check_model(str(temporary), full_check=True)
        max_difference = _compare(network, temporary, images)
        sha256 = hashlib.sha256(temporary.read_bytes()).hexdigest()
        temporary.replace(path)
    except Exception as error:
        raise ExportFailed(_reason(error)) from error
    finally:
        temporary.unlink(missing_ok=True)
    return Exported(path, sha256, opset, max_difference)


def _write(network: Network, path: Path, example: Tensor, opset: int, metadata: dict[str, Any]) -> None:
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
    onnx.helper.set_model_props(
        model, {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    )
    path.write_bytes(model.SerializeToString())


def _compare(network: Network, path: Path, images: Tensor) -> float:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    largest = 0.0
    for batch in (images, images[:1]):
        with torch.no_grad():
            expected = network(batch).numpy()
        (found,) = session.run(["logits"], {"input": batch.numpy()})
        difference = float(np.abs(found - expected).max(initial=0.0))
        if not difference <= TOLERANCE:  # also true of not-a-number
            raise ValueError(
                f"its outputs differ from the checkpoint's by {difference:.2g}, allowed are {TOLERANCE:.0e}"
            )
        largest = max(largest, difference)
    return largest


def _reason(error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]
    return first if type(error) is ValueError and first else f"{type(error).__name__}: {first}"
