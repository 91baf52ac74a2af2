"""Run directories whose JSON files are parsed again only after a change."""

from __future__ import annotations

import os
import time
from functools import cached_property
from pathlib import Path
from typing import Any

from trainer.filestate import FileState
from trainer.rundir import MAX_BYTES, RunDir
from trainer.runfile import RunFile, parse_json


class CachedRunDir(RunDir):
    """A run directory that caches the content of its small JSON files, those of MAX_BYTES.

    Callers must not change what `read_json` returns.
    """

    @cached_property
    def _known(self) -> dict[Path, _JsonFile]:
        return {}

    def read_json(self, path: Path) -> dict[str, Any] | None:
        if path.name not in MAX_BYTES:
            return super().read_json(path)
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = _JsonFile(self.file(path), MAX_BYTES[path.name])
        return known.read()


class _JsonFile:
    """A JSON file. Each read opens it, because NFS may show a change of an unopened file a minute late."""

    def __init__(self, file: RunFile, max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._known: tuple[FileState, dict[str, Any] | None] | None = None
        """The state of the file before it was parsed, and its content. None if the file had not settled."""

    def read(self) -> dict[str, Any] | None:
        try:
            with self._file.open() as file:
                known, seen_ns = self._known, time.time_ns()
                state = FileState.of(os.fstat(file.fileno()), seen_ns)
                if known is not None and known[0] == state:
                    return known[1]
                content = parse_json(file, self._max_bytes)
        except OSError:
            return None
        self._known = (state, content) if state.is_settled else None
        return content
