"""Where libraries put their temporary files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
