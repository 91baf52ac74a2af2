"""Some images of a dataset to look at, made by trainer.preview in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from app.runs.exceptions import PreviewFailed
from app.runs.launcher import PROJECT_ROOT, environment

TIMEOUT_S = 30.0


def make_preview(name: str, folder: Path, per_class: int) -> dict[str, Any]:
    """Some images of each class in `folder`, a split of the dataset `name`. Raises PreviewFailed."""
    argv = [sys.executable, "-m", "trainer.preview", str(folder.resolve()), "--per-class", str(per_class)]
    try:
        done = subprocess.run(
            argv,
            cwd=PROJECT_ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        preview: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise PreviewFailed(name, f"it took longer than {TIMEOUT_S:g} seconds") from error
    except OSError as error:
        raise PreviewFailed(name, str(error)) from error
    except ValueError as error:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        reason = said[-1].removeprefix("error: ") if said else f"the reader ended with code {done.returncode}"
        raise PreviewFailed(name, reason) from error
    return preview
