"""state.json, which the runner can write even on a full disk, and how to read it. Standard library only."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from trainer.rundir import RunDir
from trainer.runner.verdict import VERDICTS


def read_record(run: RunDir) -> dict[str, Any]:
    """Read state.json; empty if it is missing or corrupt."""
    return run.read_json(run.state) or {}


def has_verdict(record: dict[str, Any]) -> bool:
    """Whether the content of state.json is the runner's verdict."""
    return str(record.get("state")) in VERDICTS


class AlreadyLaunched(Exception):
    """There is a state.json, so another runner has launched this run. No run is launched twice."""


class StateFile:
    """Write each version of state.json into blocks that were reserved in advance, so that a full disk has room."""

    BLOCK_BYTES = 4096
    NUM_VERSIONS = 3  # starting, running, and the verdict.

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        """Create the file with its first version. Raises AlreadyLaunched and OSError, and leaves nothing then."""
        self._path = path
        own = f"{os.getpid()}-{id(self)}"  # Several processes, and several threads of the service, may try at a time.
        names = [f".{path.name}.{own}.{number}" for number in range(self.NUM_VERSIONS)]
        self._reserved = list(map(path.with_name, names))
        try:
            for reserved in self._reserved:
                reserved.write_bytes(b" " * self.BLOCK_BYTES)
            self._create(content)
        except (AlreadyLaunched, OSError):
            self.close()
            raise

    def _create(self, content: dict[str, Any]) -> None:
        reserved = self._reserved.pop(0)
        _overwrite(reserved, content, self.BLOCK_BYTES)
        try:
            os.link(reserved, self._path)  # Unlike a rename, it never replaces a file, not even over NFS.
        except FileExistsError as error:
            raise AlreadyLaunched(f"{self._path} exists, so the run was launched before") from error
        finally:
            reserved.unlink()

    def write(self, content: dict[str, Any]) -> None:
        """Replace state.json in one step. Raises OSError if the directory is gone."""
        reserved = self._reserved.pop(0)
        _overwrite(reserved, content, self.BLOCK_BYTES)
        try:
            os.replace(reserved, self._path)
        except PermissionError:
            _overwrite(self._path, content, self.BLOCK_BYTES)  # The directory became read-only, but the file did not.

    def close(self) -> None:
        """Remove the reserved files that were not used."""
        for reserved in self._reserved:
            with contextlib.suppress(OSError):  # They are not read again, and the verdict must not depend on them.
                reserved.unlink(missing_ok=True)


def _overwrite(path: Path, content: dict[str, Any], size: int) -> None:
    # Do not truncate first: that would return the block to a disk that may be full.
    text = json.dumps(content, indent=2, ensure_ascii=False).encode("utf-8", errors="replace")
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(descriptor, text.ljust(size - 1) + b"\n", 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
