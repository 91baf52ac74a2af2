"""Export a network to an ONNX file, and verify the file against the network before it gets its name."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from trainer.explanation.explained import OUTPUT, Explained, prepare
from trainer.model.agreement import HEATMAP_TOLERANCE, Agreement, compare, compare_heatmaps
from trainer.model.preprocessing import include_preprocessing
from trainer.model.session import OnnxModel


class ExportFailed(Exception):
    """The network cannot be exported, or the file computes something else. The message is one sentence."""


@dataclass(frozen=True)
class Exported:
    path: Path
    size_bytes: int
    sha256: str
    opset: int
    agreement: Agreement
    explanation: dict[str, Any] | None
    """What the model card says about the output `heatmap`."""


def export(
    network: nn.Module, path: Path, pixels: Tensor, images: Tensor, opset: int, metadata: dict[str, Any]
) -> Exported:
    """Write `network` to `path` as one self-contained file, input "input" and output "logits", any batch size.

    An Explained network has the output "heatmap" too.

    `metadata` (see card.onnx_metadata) becomes the file's metadata_props, strings as they are and other values as JSON.
    It also decides whether preprocessing is part of the graph. The export runs the file on `pixels` (B, C, H, W) uint8,
    at least two real images, one alone and all together, and the network on `images`, the same ones normalised. The
    agreement of their outputs is added to the metadata.

    Raises ExportFailed whatever fails, and then leaves no file at `path`. Leaves the network on the CPU, in eval mode,
    with eager attention.
    """
    temporary = path.with_name(f".{path.name}")
    try:
        prepare(network)
        model = _convert(network, images[:2], opset, metadata)
        _save(model, temporary, metadata)
        onnx.checker.check_model(str(temporary), full_check=True)
        agreement, explanation = _compare(network, temporary, pixels, images)
        _save(model, temporary, metadata | agreement.metadata() | {"explanation": explanation})
        size_bytes, sha256 = put_in_place(temporary, path)
    except Exception as error:
        raise ExportFailed(reason_of(error)) from error
    finally:
        temporary.unlink(missing_ok=True)
    return Exported(path, size_bytes, sha256, opset, agreement, explanation)


def _convert(network: nn.Module, example: Tensor, opset: int, metadata: dict[str, Any]) -> onnx.ModelProto:
    program = torch.onnx.export(
        network,
        (example,),
        dynamo=True,
        external_data=False,
        input_names=["input"],
        output_names=["logits", OUTPUT] if isinstance(network, Explained) else ["logits"],
        dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
        opset_version=opset,
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    _strip(model.graph)
    if metadata["includes_preprocessing"]:
        include_preprocessing(model, metadata["mean"], metadata["std"])
    return model


def _strip(graph: onnx.GraphProto) -> None:
    """Remove the exporter's debug metadata, which may be larger than the weights and contains paths of this machine."""
    del graph.metadata_props[:]
    for each in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del each.metadata_props[:]


def _save(model: onnx.ModelProto, path: Path, metadata: dict[str, Any]) -> None:
    props = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    onnx.helper.set_model_props(model, props)
    path.write_bytes(model.SerializeToString())


def _compare(network: nn.Module, path: Path, pixels: Tensor, images: Tensor) -> tuple[Agreement, dict[str, Any] | None]:
    """Compare all images together and one alone, and return the larger differences. Raises ValueError."""
    model = OnnxModel(path, torch.get_num_threads())
    agreements, heatmap_differences = [], []
    for size in (len(images), 1):
        actual = model.run(pixels[:size].numpy())
        with torch.no_grad():
            logits, *heatmaps = _outputs(network, images[:size])
        agreements.append(compare(actual, logits.numpy()))
        heatmap_differences += [compare_heatmaps(actual, logits.numpy(), each.numpy()) for each in heatmaps]
    worst = max(agreements, key=lambda each: each.max_difference / each.allowed_difference)
    if not isinstance(network, Explained):
        return worst, None
    return worst, {
        **network.describe(),
        "max_difference": max(heatmap_differences),
        "allowed_difference": HEATMAP_TOLERANCE,
    }


def _outputs(network: nn.Module, images: Tensor) -> tuple[Tensor, ...]:
    outputs = network(images)
    return outputs if isinstance(outputs, tuple) else (outputs,)


def put_in_place(verified: Path, path: Path) -> tuple[int, str]:
    """Flush a file to disk and rename it to `path`. Return its size in bytes and its SHA-256.

    The model card and result.json are flushed too. Without this a power loss could leave them with an empty model.
    """
    with open(verified, "rb") as file:
        content = file.read()
        os.fsync(file.fileno())
    verified.replace(path)
    return len(content), hashlib.sha256(content).hexdigest()


def reason_of(error: Exception) -> str:
    """Describe a failed export in one sentence by its first cause."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    lines = _ANSI.sub("", str(cause)).strip().splitlines() or [""]
    first = lines[0].rstrip("!. ")
    if "data-dependent" in first:
        return "its forward depends on pixel values (an `if` or a loop over them), which an ONNX graph cannot express"
    if missing := _MISSING_OPERATOR.search(first):
        return f"ONNX has no operator for {missing[1]}"
    return first if type(cause) is ValueError and first else f"{type(cause).__name__}: {first}"


_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_MISSING_OPERATOR = re.compile(r"No ONNX function found for <OpOverload\(op='([\w.]+)'")
