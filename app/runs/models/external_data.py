"""Find the other files that hold tensors of an ONNX file, without reading any tensor.

An ONNX file is a protobuf message (onnx.proto), and a tensor in another file names that file in `external_data`. The
service has no onnx package, and that package parses the whole file into memory. So this module visits the messages that
can contain a tensor and skips all others by their length. It reads a few kilobytes of a 10 GB model.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from itertools import count
from pathlib import PurePosixPath
from typing import BinaryIO, NamedTuple

MAX_FIELDS = 2_000_000
MAX_DEPTH = 100
"""Protobuf's own limit."""
MAX_TEXT_BYTES = 4096
_SMALL_BYTES = 64 * 1024

_VARINT, _8_BYTES, _LENGTH, _4_BYTES = 0, 1, 2, 5
"""The wire types of protobuf."""

_CHILDREN = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse tensor", 23: "sparse tensor"},
    "sparse tensor": {1: "tensor", 2: "tensor"},
}
"""By message and field number: the messages of onnx.proto that can contain a tensor."""
_GRAPH_OF_MODEL, _EXTERNAL_DATA, _DATA_LOCATION, _EXTERNAL = 7, 13, 14, 1
_KEY_OF_ENTRY, _VALUE_OF_ENTRY = 1, 2
_NOT_ONNX = "it is truncated or not an ONNX file"


class Incomplete(ValueError):
    """The ONNX file, or a file that it needs, is missing or incomplete. The message says which and why."""


class _Message(NamedTuple):
    """A message or string, from `start` to `end` of a file."""

    file: BinaryIO
    start: int
    end: int
    num_fields: Iterator[int]
    """Counts the fields read from all messages of a model."""

    def read(self) -> bytes:
        self.file.seek(self.start)
        return self.file.read(self.end - self.start)


class _Field(NamedTuple):
    number: int
    value: int
    """The value of a varint; 0 for every other type."""
    message: _Message | None
    """The string or message; None for every other type."""


def find_external_data(file: BinaryIO, size: int) -> dict[str, int]:
    """Return the path of each file with tensors, relative to the ONNX file's folder, and its required size in bytes.

    `size` is the size of the ONNX file. Raises Incomplete also for a path that leaves the folder. Raises OSError.
    """
    model = _Message(file, 0, size, count())
    if not any(field.number == _GRAPH_OF_MODEL for field in _fields(model)):
        raise Incomplete("it contains no graph")
    needed: dict[str, int] = {}
    for tensor in _tensors("model", model, 0):
        for path, num_bytes in _file_of(tensor):
            needed[path] = max(num_bytes, needed.get(path, 0))
    return needed


def _tensors(kind: str, message: _Message, depth: int) -> Iterator[_Message]:
    """Yield the tensors in a message that may be in another file."""
    if depth > MAX_DEPTH:
        raise Incomplete(f"it is nested more than {MAX_DEPTH} levels deep")
    for field in _fields(message):
        child = _CHILDREN[kind].get(field.number)
        if child is None or field.message is None or (inner := _in_memory(field.message)) is None:
            continue
        if child == "tensor":
            yield inner
        else:
            yield from _tensors(child, inner, depth + 1)


def _in_memory(message: _Message) -> _Message | None:
    """Load a message if it is short, as nearly all are. None if it is short and names no file."""
    if message.end - message.start > _SMALL_BYTES or isinstance(message.file, BytesIO):
        return message
    content = message.read()
    return message._replace(file=BytesIO(content), start=0, end=len(content)) if b"location" in content else None


def _file_of(tensor: _Message) -> Iterator[tuple[str, int]]:
    """Yield the path and the needed size of the file that holds the tensor, if another file does."""
    fields = list(_fields(tensor))
    if not any(field.number == _DATA_LOCATION and field.value == _EXTERNAL for field in fields):
        return
    entries = dict(_entry(field.message) for field in fields if field.number == _EXTERNAL_DATA and field.message)
    yield _inner_path(entries.get("location", "")), _number(entries.get("offset")) + _number(entries.get("length"))


def _entry(message: _Message) -> tuple[str, str]:
    texts = {field.number: _text(field.message) for field in _fields(message) if field.message is not None}
    return texts.get(_KEY_OF_ENTRY, ""), texts.get(_VALUE_OF_ENTRY, "")


def _text(message: _Message) -> str:
    if message.end - message.start > MAX_TEXT_BYTES:
        raise Incomplete(f"a text about external data has more than {MAX_TEXT_BYTES:,} bytes")
    try:
        return message.read().decode()
    except UnicodeDecodeError as error:
        raise Incomplete("a text about external data is not UTF-8") from error


def _inner_path(location: str) -> str:
    """Return the path in its shortest form. Raises Incomplete unless it is below the ONNX file's folder."""
    path = PurePosixPath(location)
    is_inside = path.parts and not path.is_absolute() and ".." not in path.parts
    if not is_inside or "\\" in location or not location.isprintable():
        raise Incomplete(f"its part {location!r} is outside its folder")
    return str(path)


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 20 else 0


def _fields(message: _Message) -> Iterator[_Field]:
    """Yield the fields of a message. The caller may seek in between. Raises Incomplete."""
    file, position, end, num_fields = message
    while position < end:
        if next(num_fields) > MAX_FIELDS:
            raise Incomplete(f"it has more than {MAX_FIELDS:,} parts")
        file.seek(position)
        key = _varint(file)
        number, wire_type = key >> 3, key & 7
        value = _varint(file) if wire_type in (_VARINT, _LENGTH) else 0
        start = file.tell()
        position = start + {_8_BYTES: 8, _4_BYTES: 4, _LENGTH: value}.get(wire_type, 0)
        if number == 0 or wire_type not in (_VARINT, _8_BYTES, _LENGTH, _4_BYTES) or position > end:
            raise Incomplete(_NOT_ONNX)
        if wire_type == _LENGTH:
            yield _Field(number, 0, message._replace(start=start, end=position))
        else:
            yield _Field(number, value, None)


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            break
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise Incomplete(_NOT_ONNX)
