"""A run directory that nobody sees before it is complete."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass

from trainer.rundir import RunDir


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
