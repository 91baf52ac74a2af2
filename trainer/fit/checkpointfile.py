"""How a checkpoint reaches the disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write a checkpoint beside its target, flush it, then replace the target: a crash leaves the old file or the new.

    Lightning 2.6.6 writes through $TMPDIR, which is small in many containers and on another disk than the run, and
    holds the whole file in memory meanwhile.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Raises OSError, with the path of the checkpoint, where there is no room for it."""
        target = Path(path)
        temporary = target.with_name(f".{target.name}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary, "wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException as error:
            # A full disk needs the room, if only for the line that says so.
            temporary.unlink(missing_ok=True)
            for cause in (error, error.__context__):  # torch fails once more while it closes the file
                if isinstance(cause, OSError) and cause.errno is not None:
                    raise OSError(cause.errno, os.strerror(cause.errno), str(target)) from error
            raise
