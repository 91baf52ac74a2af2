"""The files that belong to an ONNX file because they hold its tensors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.runs.filestate import Remembered, file_states
from app.runs.models.external_data import Incomplete, find_external_data
from trainer.rundir import RunDir
from trainer.runfile import RunFile

MAX_REMEMBERED = 10_000


@dataclass(frozen=True)
class Parts:
    """The other files of an ONNX file by their paths relative to its folder, and their sizes in bytes."""

    files: Mapping[str, RunFile] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    problem: str | None = None
    """Why the model is incomplete. `files` and `sizes` are then empty."""


class PartsReader:
    """Find the parts of ONNX files. It reads a file again only when the file or a part of it has changed."""

    def __init__(self) -> None:
        self._remembered: dict[str, Remembered[Parts]] = {}

    def read(self, run: RunDir, onnx: RunFile) -> Parts:
        known = self._remembered.get(str(onnx))
        if known is None or not known.is_current():
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            known = self._remembered[str(onnx)] = _read(run, onnx)
        return known.value


def _read(run: RunDir, onnx: RunFile) -> Remembered[Parts]:
    states = dict(file_states([onnx.path]))
    try:
        with onnx.open() as opened:
            needed = find_external_data(opened, os.fstat(opened.fileno()).st_size)
        files = {path: run.file(onnx.path.parent / path) for path in needed if path != onnx.name}
        states |= file_states(file.path for file in files.values())
        parts = Parts(files, {path: _size(path, file, needed[path]) for path, file in files.items()})
    except Incomplete as error:
        parts = Parts(problem=str(error))
    except OSError as error:
        parts = Parts(problem=f"it cannot be read: {error.strerror}")
    return Remembered(parts, states)


def _size(path: str, file: RunFile, needed: int) -> int:
    """Return the size of a part. Raises Incomplete."""
    try:
        with file.open() as opened:
            size = os.fstat(opened.fileno()).st_size
    except FileNotFoundError as error:
        raise Incomplete(f"its part {path!r} is missing") from error
    except OSError as error:
        raise Incomplete(f"its part {path!r} cannot be read: {error.strerror}") from error
    if size < needed:
        raise Incomplete(f"its part {path!r} has {size:,} of {needed:,} bytes")
    return size
