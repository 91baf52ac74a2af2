"""ONNX files of which some tensors lie in other files."""

from __future__ import annotations

from onnx import TensorProto, helper


def external(location: str, length: int | None = 4, offset: int | None = None, name: str = "w") -> TensorProto:
    """Return a tensor that lies in another file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        if value is not None:
            tensor.external_data.add(key=key, value=str(value))
    return tensor


def content_of(*tensors: TensorProto, attributes: tuple[TensorProto, ...] = ()) -> bytes:
    """Return the content of an ONNX file with these initializers, and these tensors inside its nodes."""
    nodes = [helper.make_node("Constant", [], [f"c{number}"], value=each) for number, each in enumerate(attributes)]
    graph = helper.make_graph(nodes, "graph", [], [], list(tensors))
    return bytes(helper.make_model(graph, ir_version=10).SerializeToString())


def inner(num_floats: int) -> TensorProto:
    """Return a tensor that lies in the ONNX file itself."""
    return TensorProto(name="inner", data_type=TensorProto.FLOAT, dims=[num_floats], raw_data=bytes(4 * num_floats))
