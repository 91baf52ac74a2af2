"""A run directory that becomes visible only when it is complete."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.runs.store.filetimes import named_time
from trainer.rundir import RunDir

ABANDONED_AFTER_S = 3600.0


@dataclass(frozen=True)
class NewRun:
    """A run whose files are written under a hidden name."""

    run: RunDir
    """The run directory, which does not exist before `reveal`."""
    files: RunDir
    """The same directory under its hidden name, until `reveal`."""

    def reveal(self) -> None:
        """Give the directory its name. It is complete from the first moment on."""
        os.rename(self.files.path, self.run.path)

    def discard(self) -> None:
        """Remove the directory, revealed or not."""
        for directory in (self.files, self.run):
            shutil.rmtree(directory.path, ignore_errors=True)


def remove_abandoned(runs_dir: Path) -> None:
    """Remove the directories that a crash left under their hidden names. Raises OSError if the folder is unreadable."""
    for entry in os.scandir(runs_dir):
        with suppress(OSError):
            is_hidden_run = entry.name.startswith(".") and named_time(entry.name[1:]) is not None
            if is_hidden_run and time.time() - entry.stat().st_mtime > ABANDONED_AFTER_S:
                shutil.rmtree(entry.path, ignore_errors=True)
