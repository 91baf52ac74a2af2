"""Add normalisation and softmax to an ONNX graph, so that it takes raw pixels and returns probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper
from onnx.helper import make_attribute, make_node, make_tensor_value_info

_PREFIX = "preprocessing/"
NORMALISATION = tuple(_PREFIX + name for name in ("float", "scale", "centre", "normalise"))
"""The nodes added before the network. Each has the name of its output."""


def include_preprocessing(model: ModelProto, mean: Sequence[float], std: Sequence[float]) -> None:
    """Change the input of `model` from normalised float32 to uint8 pixels, (B, C, H, W), and add an output.

    The new output `probabilities` is the softmax of `logits`. Names and shapes of input and `logits` stay the same.
    """
    graph = model.graph
    (pixels,), logits = graph.input, graph.output[0]
    for node in graph.node:
        node.input[:] = [NORMALISATION[-1] if name == pixels.name else name for name in node.input]
    nodes = [*_normalisation(pixels.name), *graph.node, _softmax(logits.name)]
    del graph.node[:]
    graph.node.extend(nodes)
    for name, values in (("255", [255.0]), ("mean", mean), ("std", std)):
        array = np.array(values, np.float32).reshape(1, -1, 1, 1)
        graph.initializer.append(numpy_helper.from_array(array, _PREFIX + name))
    pixels.type.tensor_type.elem_type = TensorProto.UINT8
    probabilities = make_tensor_value_info("probabilities", TensorProto.FLOAT, None)
    probabilities.type.CopyFrom(logits.type)
    graph.output.append(probabilities)


def _normalisation(pixels: str) -> list[NodeProto]:
    # In the order of trainer.fit.module, to get the same outputs. The cast comes first, because TensorRT accepts a
    # uint8 input only in front of a cast.
    nodes, last = [], pixels
    for name, operator, constant in zip(NORMALISATION, ("Cast", "Div", "Sub", "Div"), (None, "255", "mean", "std")):
        inputs = [last] if constant is None else [last, _PREFIX + constant]
        nodes.append(make_node(operator, inputs, [name], name=name))
        last = name
    nodes[0].attribute.append(make_attribute("to", TensorProto.FLOAT))
    return nodes


def _softmax(logits: str) -> NodeProto:
    return make_node("Softmax", [logits], ["probabilities"], name=_PREFIX + "softmax", axis=1)
