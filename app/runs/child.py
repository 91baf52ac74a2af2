"""Start our own programs as child processes, wait for them, and read what they printed."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import IO, Any

from app.installation import CODE_DIR

SHARED_METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Where prometheus_client keeps the metrics that gunicorn's workers share."""


def environment() -> dict[str, str]:
    """Return our environment for a program, with unbuffered Python output.

    It has no settings, because a program must not get the API token, and no folder for our own metrics.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRAINING_")}
    kept.pop(SHARED_METRICS_VARIABLE, None)
    return kept | {"PYTHONUNBUFFERED": "1"}


def spawn(module: str, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    """Start `python -m MODULE` in `environment` and without input. Options of Popen override these. Raises OSError."""
    defaults: dict[str, Any] = {"env": environment(), "stdin": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=CODE_DIR, **defaults | options)


def wait_or_kill(program: subprocess.Popen[bytes], timeout_s: float) -> int | None:
    """Return the exit code. None: the program took too long and was killed.

    Not with subprocess.run: under eventlet it raises another TimeoutExpired than that of subprocess.
    """
    try:
        return program.wait(timeout_s)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
        return None


def printed(output: IO[bytes]) -> str:
    """Return what a program has printed into a file."""
    output.seek(0)
    return output.read().decode(errors="replace")


def last_line(output: IO[bytes]) -> str | None:
    """Return the last line that a program has printed into a file. It usually says why the program failed."""
    lines = printed(output).strip().splitlines()
    return lines[-1].removeprefix("error: ") if lines else None
