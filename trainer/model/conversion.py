"""An ONNX file made smaller: in half precision, or in int8 calibrated on train images.

Input, outputs and metadata are the original's, so a consumer changes nothing but the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (  # type: ignore[import-untyped]
    CalibrationDataReader,
    CalibrationMethod,
    QuantType,
    quant_pre_process,
    quantize_static,
)
from onnxruntime.transformers.float16 import convert_float_to_float16  # type: ignore[import-untyped]
from onnxruntime.transformers.onnx_model import OnnxModel as Graph  # type: ignore[import-untyped]

from trainer.model.preprocessing import NORMALISATION
from trainer.temporary import temporaries_in

Calibration = Iterator[NDArray[Any]]
"""Batches of train images as the file's input takes them."""

QUANTISED = ["Conv", "MatMul", "Gemm"]
"""The operators with large weights. With all that can be quantised, a ViT's and a ConvNeXt's logits differed more."""


OF_ORIGINAL = ("max_difference", "allowed_difference", "tolerance")
"""Facts in the metadata that are not true of a variant; its own stand in the model card."""


def convert(name: str, source: Path, target: Path, calibration: Calibration) -> None:
    """Write the variant `name` (fp16, int8) of `source` to `target`, one self-contained file that onnx.checker accepts.

    Raises whatever the libraries do. `calibration` is used up by int8 alone.
    """
    facts = {each.key: each.value for each in onnx.load(source).metadata_props if each.key not in OF_ORIGINAL}
    model = _CONVERSIONS[name](source, calibration)
    onnx.helper.set_model_props(model, facts | {"variant": name})
    target.write_bytes(model.SerializeToString())
    onnx.checker.check_model(str(target), full_check=True)


def _half(source: Path, _: Calibration) -> onnx.ModelProto:
    # Normalisation, where it is part of the graph, stays float32: its mean would lose digits.
    kept = list(NORMALISATION)
    model: onnx.ModelProto = convert_float_to_float16(onnx.load(source), keep_io_types=True, node_block_list=kept)
    Graph(model).topological_sort()  # the conversions at inputs and outputs were added at the end
    return model


def _quantised(source: Path, calibration: Calibration) -> onnx.ModelProto:
    """Static, with QuantizeLinear and DequantizeLinear around each operator, the form that every runtime reads.

    Weights have a scale per channel and 7 bits: with 8, processors without VNNI may add up products beyond 16 bits.
    On one (AVX2; digits; ResNet, ViT, ConvNeXt) 8 bits made the logits differ 1.5 to 10 times as much. Activations
    have 8 bits without sign: there, signed ones took 2 to 2.6 times as long in the two convolutional networks, a tenth
    longer in the ViT. Ranges are the smallest and largest values seen: entropy and percentiles gave no better accuracy
    there, and keep every activation of every image in memory.
    """
    with temporaries_in(source.parent) as folder:
        simplified, made = folder / "simplified.onnx", folder / "int8.onnx"
        # The exporter has written every shape already, so the slow symbolic inference has nothing to add.
        quant_pre_process(source, simplified, skip_symbolic_shape=True)
        quantize_static(
            simplified,
            made,
            _Reader(calibration),
            op_types_to_quantize=QUANTISED,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        return onnx.load(made)


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, batches: Calibration) -> None:
        self._batches = batches

    def get_next(self) -> dict[str, NDArray[np.generic]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"input": batch}


_CONVERSIONS: Mapping[str, Callable[[Path, Calibration], onnx.ModelProto]] = {"fp16": _half, "int8": _quantised}
