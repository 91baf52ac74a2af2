"""Preview some images of a dataset (trainer.dataset.preview) in a separate process."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from app.runs import child
from app.runs.exceptions import Busy, PreviewFailed
from app.runs.start.pool import Pool

TIMEOUT_S = 30.0
WAIT_S = 30.0
"""How long a request waits for its turn."""
WHAT = "previews are being made"


class Previews:
    """Make previews, two at a time. Each process takes about 30 MB."""

    def __init__(self) -> None:
        self._pool = Pool(WHAT, size=2, max_waiting=16)

    def make(self, name: str, folder: Path, per_class: int) -> dict[str, Any]:
        """Return some images of each class in `folder`, a split of the dataset `name`. Raises Busy, PreviewFailed."""
        arguments = (str(folder.resolve()), "--per-class", str(per_class))
        try:
            with TemporaryFile() as output, TemporaryFile() as errors:
                process = self._pool.start(
                    lambda: child.spawn("trainer.dataset.preview", *arguments, stdout=output, stderr=errors), WAIT_S
                )
                if process is None:
                    raise Busy(WHAT)
                if child.wait_or_kill(process, TIMEOUT_S) is None:
                    raise PreviewFailed(name, f"it took longer than {TIMEOUT_S:g} seconds")
                return _read(name, process, output, errors)
        except OSError as error:
            raise PreviewFailed(name, str(error)) from error


def _read(name: str, process: subprocess.Popen[bytes], output: IO[bytes], errors: IO[bytes]) -> dict[str, Any]:
    try:
        preview: dict[str, Any] = json.loads(child.printed(output))
    except ValueError as error:
        reason = child.last_line(errors) or f"the reader exited with code {process.returncode}"
        raise PreviewFailed(name, reason) from error
    return preview
