"""Remember the inspections of image files that do not change: `FOLDER.inspected`.

The check of a dataset and the trainings on it share these files. So what one of them has read, the next one need not
read again.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from trainer.dataset.imagefile import Depth, Inspection
from trainer.dataset.valuerange import Extremes
from trainer.filestate import FileState, file_state
from trainer.rundir import replacing


class RememberedInspections:
    """The inspections of the images in one folder, by path and file state.

    They are in a file in `cache_dir`. If it is missing, corrupt or not writable, nothing is remembered.
    """

    def __init__(self, cache_dir: Path, folder: Path) -> None:
        self._folder = folder
        self._file = (
            cache_dir / f"{hashlib.blake2b(os.fsencode(folder.resolve()), digest_size=16).hexdigest()}.inspected"
        )
        self._entries = _read(self._file)
        self._is_changed = False

    def find(self, path: Path, depth: Depth) -> Inspection | None:
        """Return the inspection of the file as it is now, at least to `depth`. It has no size and no mode."""
        state = file_state(path)
        try:
            *key, known, digest, extremes = self._entries[self._name(path)]
            if state is None or key != _key(state) or known < depth:
                return None
            deep = None if extremes is None else Extremes(*extremes)
            return Inspection(bytes.fromhex(digest), is_deep=deep is not None, extremes=deep)
        except (KeyError, TypeError, ValueError):
            return None  # It is not remembered, or the entry is corrupt.

    def add(self, path: Path, seen: Inspection) -> None:
        """Remember an inspection, unless the file has changed since, or may have changed without showing it."""
        state = seen.state
        # Do not remember problems: another version of Pillow may be able to read the image.
        if seen.problem is None and state is not None and state.is_settled and file_state(path) == state:
            self._entries[self._name(path)] = [*_key(state), seen.depth, seen.digest.hex(), seen.extremes]
            self._is_changed = True

    def save(self) -> None:
        """Write the file if something was added. Forget images that no longer exist."""
        with suppress(OSError):
            if self._is_changed:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                content = {name: each for name, each in self._entries.items() if os.path.lexists(self._folder / name)}
                with replacing(self._file) as file:
                    file.write(json.dumps(content).encode())
            os.utime(self._file)  # trainer.preparation.cache removes the least recently used files first.

    def _name(self, path: Path) -> str:
        return os.path.relpath(path, self._folder)


def _key(state: FileState) -> list[int]:
    return [state.inode, state.size, state.modified_ns, state.changed_ns]


def _read(file: Path) -> dict[str, list[Any]]:
    """Read {path: [*state, depth, digest, extremes]}."""
    try:
        entries = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return entries if isinstance(entries, dict) else {}
