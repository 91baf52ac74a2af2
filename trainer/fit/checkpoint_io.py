"""Write checkpoints atomically."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from trainer.rundir import replacing


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its target, flushes it, then replaces the target. A crash leaves the old or new file.

    Lightning 2.6.6 writes to $TMPDIR first, which is small in many containers and often on another disk. It also holds
    the whole file in memory.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Raises OSError, with the path of the checkpoint, if the disk is full."""
        with _writing(Path(path)) as file:
            torch.save(checkpoint, file)


def copy_checkpoint(source: Path, target: Path) -> None:
    """Replace `target` by a copy of `source`, as atomically as a checkpoint is saved. Raises OSError."""
    with open(source, "rb") as original, _writing(target) as file:
        shutil.copyfileobj(original, file)


@contextmanager
def _writing(target: Path) -> Iterator[BinaryIO]:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as file:
            yield file
    except BaseException as error:
        for cause in (error, error.__context__):  # torch raises a second error while it closes the file
            if isinstance(cause, OSError) and cause.errno is not None:
                raise OSError(cause.errno, os.strerror(cause.errno), str(target)) from error
        raise
