"""Preview some images of a dataset (trainer.dataset.preview) in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from app.installation import CODE_DIR
from app.runs.exceptions import Busy, PreviewFailed
from app.runs.executors.invocation import environment
from app.runs.start.pool import Pool

TIMEOUT_S = 30.0
WAIT_S = 30.0
"""How long a request waits for its turn."""
WHAT = "previews are being made"
_LOOK_EVERY_S = 0.02


class Previews:
    """Make previews, two at a time. Each process takes about 30 MB."""

    def __init__(self) -> None:
        self._pool = Pool(WHAT, size=2, max_waiting=16)

    def make(self, name: str, folder: Path, per_class: int) -> dict[str, Any]:
        """Return some images of each class in `folder`, a split of the dataset `name`. Raises Busy, PreviewFailed."""
        argv = [sys.executable, "-m", "trainer.dataset.preview", str(folder.resolve()), "--per-class", str(per_class)]
        try:
            with TemporaryFile() as output, TemporaryFile() as errors:
                process = self._pool.start(lambda: _launch(argv, output, errors), WAIT_S)
                if process is None:
                    raise Busy(WHAT)
                _wait(name, process)
                return _read(name, process, output, errors)
        except OSError as error:
            raise PreviewFailed(name, str(error)) from error


def _launch(argv: list[str], output: IO[bytes], errors: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv, cwd=CODE_DIR, env=environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=errors
    )


def _wait(name: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    try:
        while process.poll() is None:
            if time.monotonic() > deadline:
                raise PreviewFailed(name, f"it took longer than {TIMEOUT_S:g} seconds")
            time.sleep(_LOOK_EVERY_S)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _read(name: str, process: subprocess.Popen[bytes], output: IO[bytes], errors: IO[bytes]) -> dict[str, Any]:
    output.seek(0)
    errors.seek(0)
    try:
        preview: dict[str, Any] = json.loads(output.read())
    except ValueError as error:
        lines = errors.read().decode(errors="replace").strip().splitlines()
        reason = lines[-1].removeprefix("error: ") if lines else f"the reader exited with code {process.returncode}"
        raise PreviewFailed(name, reason) from error
    return preview
