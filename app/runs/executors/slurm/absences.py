"""Whether a directory on a network file system was removed, or is only out of sight."""

from __future__ import annotations

import time
from pathlib import Path

from trainer.rundir import is_there

REMOVED_AFTER_S = 120.0


class Absences:
    """Since when directories are missing. The file system may show a new one late, and may be away for some time."""

    def __init__(self, removed_after_s: float = REMOVED_AFTER_S) -> None:
        self._removed_after_s = removed_after_s
        self._since: dict[Path, float] = {}
        """By time.monotonic()."""

    def is_removed(self, path: Path) -> bool:
        """Whether the directory was missing at every call for `removed_after_s`, while its parent was there."""
        if is_there(path) or not is_there(path.parent):
            self._since.pop(path, None)
            return False
        now = time.monotonic()
        return now - self._since.setdefault(path, now) > self._removed_after_s
