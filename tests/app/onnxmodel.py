"""A model as our own trainer exports it, but so small that its predictions are known."""

from __future__ import annotations

import json

import numpy as np
from onnx import TensorProto, helper, numpy_helper

SIZE = 4


def brightness_model(with_heatmap: bool = True, **metadata: str) -> bytes:
    """Return an ONNX file that tells dark from bright grey images. Its heatmap is the normalised image itself.

    The logits are `-mean` and `+mean` of the normalised pixels.
    """
    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])]
    if with_heatmap:
        nodes.append(helper.make_node("Squeeze", ["input", "axis"], ["heatmap"]))
        outputs.append(helper.make_tensor_value_info("heatmap", TensorProto.FLOAT, ["batch", SIZE, SIZE]))
    weights = np.tile(np.array([-1, 1], np.float32) / SIZE**2, (SIZE**2, 1))
    constants = [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(np.array([1], np.int64), "axis"),
    ]
    pixels = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 1, SIZE, SIZE])
    graph = helper.make_graph(nodes, "brightness", [pixels], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    facts = {
        "class_names": json.dumps(["dark", "bright"]),
        "channels": "1",
        "image_size": str(SIZE),
        "mean": "[0.5]",
        "std": "[0.5]",
    }
    helper.set_model_props(model, facts | metadata)
    return bytes(model.SerializeToString())
