"""The checkpoints of a run: the files that only a resume needs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from app.runs.globs import find_matches
from app.runs.store.run import Run

_OURS = ("checkpoints/*.ckpt", "checkpoints/last.json")
"""The checkpoints of our trainer. Its ONNX files are in the same folder and are kept."""


def find_checkpoints(run: Run, models: Sequence[Path]) -> list[Path]:
    """List the checkpoint files. `models` are files to keep, even if the program resumes from them.

    The `resume` of a command names its checkpoints. Files outside the run, behind a link, do not count.
    """
    globs = _OURS if run.is_of_our_trainer else _of_command(run)
    found = [match.file.path for match in find_matches(run.directory, run.directory.path, globs)]
    return [path for path in found if path not in models and _is_inside(path, run.directory.path)]


def remove_files(paths: Sequence[Path]) -> None:
    """Remove files, and folders that become empty. Raises OSError."""
    for path in paths:
        path.unlink(missing_ok=True)
    for folder in sorted({path.parent for path in paths}, reverse=True):  # The inner ones first.
        with suppress(OSError):  # The folder is not empty.
            folder.rmdir()


def _of_command(run: Run) -> tuple[str, ...]:
    """Return the globs of files and of everything in folders, such as checkpoint-500/."""
    needed = [path for path in run.needed_to_resume or () if Path(path) != Path("output")]
    return tuple(glob for path in needed for glob in (path, f"{path}/**"))


def _is_inside(path: Path, directory: Path) -> bool:
    return Path(os.path.realpath(path.parent)).is_relative_to(os.path.realpath(directory))
