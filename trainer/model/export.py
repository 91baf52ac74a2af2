"""The ONNX file: written, checked, loaded again and compared with the checkpoint before it gets its name."""

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
    """There is no ONNX file, or none that computes what the checkpoint does. The message is one plain sentence."""


@dataclass(frozen=True)
class Exported:
    path: Path
    size_bytes: int
    sha256: str
    opset: int
    agreement: Agreement


def export(network: Network, path: Path, pixels: Tensor, images: Tensor, opset: int, facts: dict[str, Any]) -> Exported:
    """Write `network` to `path` as one self-contained file, input "input" and output "logits", any batch size.

    `facts` (card.consumer_facts) become the file's metadata_props, texts as they are, everything else as
    JSON; they say too whether preprocessing is part of the graph. It is compared on `pixels` (B, C, H, W) uint8, at
    least two real images, alone and together, with what the network makes of `images`, the same ones normalised.
    What was seen goes into the metadata as well. Whatever fails is an ExportFailed, and then no file is at `path`.
    Leaves the network on the CPU, in eval mode, with plain attention.
    """
    temporary = path.with_name(f".{path.name}")
    try:
        _prepare(network)
        model = _convert(network, images[:2], opset, facts)
        _save(model, temporary, facts)
        onnx.checker.check_model(str(temporary), full_check=True)
        agreement = _compare(network, temporary, pixels, images)
        _save(model, temporary, facts | agreement.facts())
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
            # Torch's fused attention is cut into views that some networks (Swin) do not export with.
            each.set_attn_implementation("eager")


def _convert(network: Network, example: Tensor, opset: int, facts: dict[str, Any]) -> onnx.ModelProto:
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
    return model


def _strip(graph: onnx.GraphProto) -> None:
    """Leave out the exporter's notes, which can be longer than the weights and tell this machine's paths."""
    del graph.metadata_props[:]
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]


def _save(model: onnx.ModelProto, path: Path, facts: dict[str, Any]) -> None:
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in facts.items()}
    onnx.helper.set_model_props(model, texts)
    path.write_bytes(model.SerializeToString())


def _compare(network: Network, path: Path, pixels: Tensor, images: Tensor) -> Agreement:
    """Raise ValueError unless the file computes what the network does, for all images together and for one alone."""
    model = OnnxModel(path, torch.get_num_threads())
    seen = []
    for size in (len(images), 1):
        with torch.no_grad():
            logits = network(images[:size]).numpy()
        seen.append(compare(model.run(pixels[:size].numpy()), logits))
    return max(seen, key=lambda each: each.max_difference / each.allowed_difference)


def size_and_hash(path: Path) -> tuple[int, str]:
    """The file's size in bytes and its SHA-256."""
    content = path.read_bytes()
    return len(content), hashlib.sha256(content).hexdigest()


def reason_of(error: Exception) -> str:
    """What to tell people of a failed export, in one sentence: the first cause, in plain words where it is known."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    lines = _ANSI.sub("", str(cause)).strip().splitlines() or [""]
    first = lines[0].rstrip("!. ")
    if "data-dependent" in first:
        return "its forward depends on the values of the images (an if or a loop over them), which a graph cannot hold"
    if missing := _MISSING_OPERATOR.search(first):
        return f"ONNX has no operator for {missing[1]}"
    return first if type(cause) is ValueError and first else f"{type(cause).__name__}: {first}"


_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_MISSING_OPERATOR = re.compile(r"No ONNX function found for <OpOverload\(op='([\w.]+)'")
