"""The search for the files that hold tensors of an ONNX file."""

from __future__ import annotations

import random
from io import BytesIO
from pathlib import Path

import onnx
import pytest
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, helper

from app.runs.models.external_data import Incomplete, find_external_data
from tests.app.onnxfile import content_of, external, inner


def found_in(content: bytes) -> dict[str, int]:
    return find_external_data(BytesIO(content), len(content))


def test_a_model_that_onnx_saves_in_two_files_needs_the_second_one(tmp_path: Path) -> None:
    model = onnx.load_from_string(content_of(inner(2_000), inner(30)))
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="m.onnx.data", size_threshold=1000)
    assert found_in((tmp_path / "m.onnx").read_bytes()) == {"m.onnx.data": 8_000}


def test_a_model_in_one_file_needs_no_other() -> None:
    assert found_in(content_of()) == {}
    assert found_in(content_of(inner(30_000), attributes=(inner(10),))) == {}


def test_a_file_must_reach_the_end_of_its_last_tensor() -> None:
    tensors = external("w", 8, 4), external("w", 4), external("sub/x.bin", None, 7), external("y", None)
    assert found_in(content_of(*tensors)) == {"w": 12, "sub/x.bin": 7, "y": 0}


def test_tensors_in_every_part_of_a_model_are_found() -> None:
    """onnx.proto allows tensors in nodes, in the graphs inside nodes, in functions and in the training."""
    branch = helper.make_graph([], "branch", [], [], [external("branch")])
    sparse = onnx.SparseTensorProto(values=external("values"), indices=external("indices"), dims=[3])
    attributes = [
        AttributeProto(name="t", type=AttributeProto.TENSOR, t=external("t")),
        AttributeProto(name="ts", type=AttributeProto.TENSORS, tensors=[external("ts")]),
        AttributeProto(name="g", type=AttributeProto.GRAPH, g=branch),
        AttributeProto(name="gs", type=AttributeProto.GRAPHS, graphs=[GraphProto(initializer=[external("gs")])]),
        AttributeProto(name="s", type=AttributeProto.SPARSE_TENSOR, sparse_tensor=sparse),
    ]
    node = onnx.NodeProto(op_type="Any", attribute=attributes)
    model = ModelProto(graph=GraphProto(node=[node], sparse_initializer=[sparse]))
    function = model.functions.add(name="f")
    function.node.add(op_type="Any").attribute.add(name="t", t=external("function"))
    model.training_info.add(algorithm=GraphProto(initializer=[external("training")]))
    expected = {"branch", "values", "indices", "t", "ts", "gs", "function", "training"}
    assert set(found_in(model.SerializeToString())) == expected


def test_a_large_node_is_searched() -> None:
    tensors = inner(100_000), external("x")
    node = onnx.NodeProto(attribute=[AttributeProto(name="ts", type=AttributeProto.TENSORS, tensors=tensors)])
    model = ModelProto(graph=GraphProto(node=[node], initializer=[inner(100_000), external("w")]))
    assert found_in(model.SerializeToString()) == {"x": 4, "w": 4}


def test_data_that_is_not_marked_as_external_counts_for_nothing() -> None:
    tensor = external("w")
    tensor.data_location = TensorProto.DEFAULT
    assert found_in(content_of(tensor)) == {}


@pytest.mark.parametrize(
    "location", ["/etc/passwd", "..", "../w", "a/../../w", "", ".", "a\\b", "..\\w", "a\nb", "a\0", "x" * 5_000, "//w"]
)
def test_a_path_that_leaves_the_folder_is_refused(location: str) -> None:
    with pytest.raises(Incomplete):
        found_in(content_of(external(location)))


def test_a_path_is_given_in_its_shortest_form() -> None:
    assert found_in(content_of(external("./a//größe.bin"))) == {"a/größe.bin": 4}


@pytest.mark.parametrize("value", ["-1", "1.5", "\u0661", "", "9" * 4000, "a"])
def test_an_invalid_number_counts_as_zero(value: str) -> None:
    tensor = external("w", 4)
    tensor.external_data.add(key="offset", value=value)
    assert found_in(content_of(tensor)) == {"w": 4}


WHOLE = content_of(inner(100), external("w"), attributes=(external("x"),))


@pytest.mark.parametrize(
    "content", [b"", b"onnx", bytes(1000), b"\x08\x0a", b"\x80" * 100, WHOLE[:-1], WHOLE + b"\x3a"]
)
def test_a_file_that_is_no_whole_onnx_file_is_refused(content: bytes) -> None:
    with pytest.raises(Incomplete):
        found_in(content)


def test_a_deeply_nested_model_is_refused() -> None:
    graph = GraphProto(initializer=[external("w")]).SerializeToString()
    for _ in range(60):  # A graph in an attribute in a node in a graph.
        graph = _message(1, _message(5, _message(6, graph)))
    with pytest.raises(Incomplete, match="nested"):
        found_in(_message(7, graph))


def _message(number: int, content: bytes) -> bytes:
    size, length = len(content), b""
    while size > 0x7F:
        length, size = length + bytes([0x80 | size & 0x7F]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def test_damage_raises_nothing_else() -> None:
    chance = random.Random(0)
    for _ in range(2_000):
        damaged = bytearray(WHOLE)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            found_in(bytes(damaged[: chance.randint(1, len(damaged))]))
        except Incomplete:
            continue


class Counted(BytesIO):
    """A file that counts the bytes that are read of it."""

    num_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self.num_read += len(content)
        return content


def test_the_weights_are_not_read() -> None:
    file = Counted(content_of(*(inner(1_000_000) for _ in range(5)), external("w")))
    assert find_external_data(file, len(file.getvalue())) == {"w": 4}
    assert file.num_read < 10_000
