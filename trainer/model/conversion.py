"""Convert an ONNX file to half precision (fp16), or quantise it to int8, calibrated on train images.

Inputs, outputs and metadata stay the same, so a consumer only has to exchange the file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantType,
    quant_pre_process,
    quantize_static,
)
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel as Graph

from trainer.explanation.explained import OUTPUT
from trainer.model.preprocessing import NORMALISATION
from trainer.temporary import temporaries_in

Calibration = Iterator[NDArray[Any]]
"""Batches of train images in the form of the file's input."""

QUANTISED = ["Conv", "MatMul", "Gemm"]
"""The operators with large weights. Quantising all operators made the logits of a ViT and a ConvNeXt differ more."""

ORIGINAL_ONLY = ("max_difference", "allowed_difference", "tolerance")
"""Metadata that does not apply to a variant. The model card has the differences of each variant."""


def convert(name: str, source: Path, target: Path, calibration: Calibration) -> None:
    """Write the variant `name` (fp16, int8) of `source` to `target`, one self-contained file that onnx.checker accepts.

    Raises what the libraries raise. Only int8 consumes `calibration`.
    """
    props = {each.key: each.value for each in onnx.load(source).metadata_props if each.key not in ORIGINAL_ONLY}
    explanation = json.loads(props.get("explanation", "null"))
    if explanation is not None:
        kept = {name: value for name, value in explanation.items() if name not in ORIGINAL_ONLY}
        props["explanation"] = json.dumps(kept)
    model = _CONVERSIONS[name](source, calibration)
    onnx.helper.set_model_props(model, props | {"variant": name})
    target.write_bytes(model.SerializeToString())
    onnx.checker.check_model(str(target), full_check=True)


def _fp16(source: Path, _: Calibration) -> onnx.ModelProto:
    original = onnx.load(source)
    # Normalisation, if it is part of the graph, stays float32, because the mean would lose digits.
    nodes = [*NORMALISATION, *heatmap_nodes(original.graph)]
    model: onnx.ModelProto = convert_float_to_float16(original, keep_io_types=True, node_block_list=nodes)
    del model.graph.value_info[:]  # the conversion writes float16 for tensors between nodes that it leaves alone
    Graph(model).topological_sort()  # the conversion appends the casts of inputs and outputs at the end
    return model


def _int8(source: Path, calibration: Calibration) -> onnx.ModelProto:
    """Quantise statically, with QuantizeLinear and DequantizeLinear around each operator, which every runtime reads.

    We measured the options on one processor (AVX2) with the digits and a ResNet, a ViT and a ConvNeXt. Weights have one
    scale per channel and 7 bits: processors without VNNI may overflow 16 bits with 8, and did, making the differences
    of the logits 1.5 to 10 times as large. Activations are unsigned: signed ones took 2 to 2.6 times as long in the
    convolutional networks, and 1.1 times in the ViT. The calibration takes the minimum and maximum: entropy and
    percentiles gave no better accuracy, and keep every activation of every image in memory.
    """
    with temporaries_in(source.parent) as folder:
        simplified, quantised = folder / "simplified.onnx", folder / "int8.onnx"
        # Not needed, and slow: the exporter has written all shapes.
        quant_pre_process(source, simplified, skip_symbolic_shape=True)
        quantize_static(
            simplified,
            quantised,
            _Reader(calibration),
            op_types_to_quantize=QUANTISED,
            nodes_to_exclude=heatmap_nodes(onnx.load(simplified).graph),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        return onnx.load(quantised)


def heatmap_nodes(graph: onnx.GraphProto) -> list[str]:
    """List the nodes that only the heatmap needs. They stay float32, since they have no weights worth shrinking."""
    heatmaps = [each.name for each in graph.output if each.name == OUTPUT]
    others = [each.name for each in graph.output if each.name != OUTPUT]
    return sorted(_needed(graph, heatmaps) - _needed(graph, others))


def _needed(graph: onnx.GraphProto, outputs: list[str]) -> set[str]:
    """Return the names of the nodes that `outputs` depend on."""
    makers = {output: node for node in graph.node for output in node.output}
    needed: set[str] = set()
    waiting = list(outputs)
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and node.name not in needed:
            needed.add(node.name)
            waiting += node.input
    return needed


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, batches: Calibration) -> None:
        self._batches = batches

    def get_next(self) -> dict[str, NDArray[np.generic]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"input": batch}


_CONVERSIONS: Mapping[str, Callable[[Path, Calibration], onnx.ModelProto]] = {"fp16": _fp16, "int8": _int8}
