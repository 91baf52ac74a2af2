"""A model of a run: a file, the known facts about it, and the other files that belong to it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from app.runs.exceptions import FileNotInRun, ModelIncomplete
from app.runs.models.parts import Parts
from app.runs.times import format_time
from trainer.runfile import RunFile

ONNX = ".onnx"


@dataclass(frozen=True)
class Download:
    """The files of one download by name. Several files are sent as an archive."""

    name: str
    files: Mapping[str, RunFile]
    is_final: bool
    """The files no longer change."""


@dataclass(frozen=True)
class Model:
    """A model of a run. Its file existed at the time of `status`."""

    run_id: str
    name: str
    path: str
    """The path inside the run, as in the run's artifacts."""
    file: RunFile
    status: os.stat_result
    facts: Mapping[str, Any]
    """The fields of the model's card."""
    is_final: bool
    parts: Parts = Parts()
    variants: Mapping[str, RunFile] = field(default_factory=dict)
    """Smaller files of the model by name, such as int8. Only our own trainer makes them."""
    is_verified: bool = False
    """Our own trainer compared the file with the network."""

    @property
    def is_usable_onnx(self) -> bool:
        return self.path.endswith(ONNX) and self.parts.problem is None

    @property
    def is_tested(self) -> bool:
        """Whether the card has results of a test."""
        tested = self.facts.get("test_metrics")
        return isinstance(tested, dict) and any(value is not None for value in tested.values())

    def card(self) -> dict[str, Any]:
        """Return the model's card: its facts, and what the service itself knows of the file."""
        parts = [{"path": path, "size_bytes": size} for path, size in self.parts.sizes.items()]
        return {
            **self.facts,
            "run_id": self.run_id,
            "model_name": self.name,
            "model_path": str(self.file),
            "file": self.path,
            "size_bytes": self.status.st_size,
            "modified_at": format_time(self.status.st_mtime),
            "is_verified": self.is_verified,
            "is_tested": self.is_tested,
            "external_data": parts or None,
            "problem": self.parts.problem,
        }

    def download(self, variant: str | None, keeps_name: bool) -> Download:
        """Return what to send. An ONNX file is named after the model, unless it `keeps_name`.

        Raises FileNotInRun for an unknown variant, and ModelIncomplete.
        """
        path = PurePosixPath(self.path)
        stem = path.stem if keeps_name or path.suffix != ONNX else self.name
        if variant is not None:
            return Download(f"{stem}.{variant}{ONNX}", {path.name: self._variant(variant)}, self.is_final)
        if self.parts.problem is not None:
            raise ModelIncomplete(self.run_id, self.path, self.parts.problem)
        suffix = ".zip" if self.parts.files else path.suffix
        return Download(f"{stem}{suffix}", {path.name: self.file, **self.parts.files}, self.is_final)

    def _variant(self, name: str) -> RunFile:
        if name not in self.variants:
            names = ", ".join(self.variants) or "none"
            raise FileNotInRun(f"The model of run {self.run_id} has no variant {name!r}. Available: {names}.")
        return self.variants[name]
