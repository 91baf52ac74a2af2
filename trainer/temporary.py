"""Where libraries put their temporary files. Standard library only."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def temporary_folders() -> list[Path]:
    """The system's folder for temporary files, if there is one that can be written."""
    try:
        return [Path(tempfile.gettempdir())]
    except FileNotFoundError:
        return []


@contextmanager
def temporaries_in(folder: Path) -> Iterator[Path]:
    """Make a folder for temporary files in `folder`, have libraries use it too, and remove it at the end.

    A model may be larger than all of $TMPDIR, as in containers. For one thread at a time.
    """
    with tempfile.TemporaryDirectory(prefix=".", dir=folder) as made:
        before, tempfile.tempdir = tempfile.tempdir, made
        try:
            yield Path(made)
        finally:
            tempfile.tempdir = before
