"""Export a network to an ONNX file, and verify the file against the network before it gets its name."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor
from transformers import PreTrainedModel

from trainer.model.agreement import Agreement, compare
from trainer.model.preprocessing import include_preprocessing
from trainer.model.session import OnnxModel
from trainer.network.network import Network


class ExportFailed(Exception):
    """The network cannot be exported, or the file computes something else. The message is one sentence."""


@dataclass(frozen=True)
class Exported:
    path: Path
    size_bytes: int
    sha256: str
    opset: int
    agreement: Agreement


def export(
    network: Network, path: Path, pixels: Tensor, images: Tensor, opset: int, metadata: dict[str, Any]
) -> Exported:
    """Write `network` to `path` as one self-contained file, input "input" and output "logits", any batch size.

    `metadata` (see card.onnx_metadata) becomes the file's metadata_props, strings as they are and other values as JSON.
    It also decides whether preprocessing is part of the graph. The export runs the file on `pixels` (B, C, H, W) uint8,
    at least two real images, one alone and all together, and the network on `images`, the same ones normalised. The
    agreement of their outputs is added to the metadata.

    Raises ExportFailed whatever fails, and then leaves no file at `path`. Leaves the network on the CPU, in eval mode,
    with eager attention.
    """
    temporary = path.with_name(f".{path.name}")
    try:
        _prepare(network)
        model = _convert(network, images[:2], opset, metadata)
        _save(model, temporary, metadata)
        onnx.checker.check_model(str(temporary), full_check=True)
        agreement = _compare(network, temporary, pixels, images)
        _save(model, temporary, metadata | agreement.metadata())
        size_bytes, sha256 = size_and_hash(temporary)
        temporary.replace(path)
    except Exception as error:
        raise ExportFailed(reason_of(error)) from error
    finally:
        temporary.unlink(missing_ok=True)
    return Exported(path, size_bytes, sha256, opset, agreement)


def _prepare(network: Network) -> None:
    network.cpu().eval()
    for each in network.modules():
        if isinstance(each, PreTrainedModel):
            # Some networks (Swin) cannot be exported with torch's fused attention, because of the views that it makes.
            each.set_attn_implementation("eager")


def _convert(network: Network, example: Tensor, opset: int, metadata: dict[str, Any]) -> onnx.ModelProto:
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


def _compare(network: Network, path: Path, pixels: Tensor, images: Tensor) -> Agreement:
    """Compare all images together and one alone, and return the larger difference. Raises ValueError."""
    model = OnnxModel(path, torch.get_num_threads())
    agreements = []
    for size in (len(images), 1):
        with torch.no_grad():
            logits = network(images[:size]).numpy()
        agreements.append(compare(model.run(pixels[:size].numpy()), logits))
    return max(agreements, key=lambda each: each.max_difference / each.allowed_difference)


def size_and_hash(path: Path) -> tuple[int, str]:
    """Return the file's size in bytes and its SHA-256."""
    content = path.read_bytes()
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
