"""The folder where libraries put their temporary files. Standard library only."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def temporary_folders() -> list[Path]:
    """Return the system's folder for temporary files, or nothing if none is writable."""
    try:
        return [Path(tempfile.gettempdir())]
    except FileNotFoundError:
        return []


@contextmanager
def temporaries_in(folder: Path) -> Iterator[Path]:
    """Make a folder for temporary files in `folder`, which libraries use too, and remove it at the end.

    In a container a model may be larger than $TMPDIR. Only one thread may use this at a time.
    """
    with tempfile.TemporaryDirectory(prefix=".", dir=folder) as made:
        before, tempfile.tempdir = tempfile.tempdir, made
        try:
            yield Path(made)
        finally:
            tempfile.tempdir = before
