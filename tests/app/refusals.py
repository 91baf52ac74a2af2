"""Servers that must refuse to start, with one clear error line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.servers import ROOT, free_port


def run_server(
    kind: str, home: Path, *arguments: str, pass_fds: Sequence[int] = (), wrapper: Sequence[str] = (), **settings: str
) -> subprocess.Popen[str]:
    argv = [*wrapper, sys.executable, "wsgi.py"]
    if kind == "gunicorn":
        argv = [*wrapper, sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", *arguments, "wsgi:app"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRAINING_")}
    defaults = {"TRAINING_RUNS_DIR": str(home / "logs" / "runs"), "TRAINING_PORT": str(free_port())}
    return subprocess.Popen(
        argv,
        cwd=ROOT,
        env=environment | defaults | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        pass_fds=pass_fds,
    )


def refusal(
    kind: str, home: Path, *arguments: str, pass_fds: Sequence[int] = (), wrapper: Sequence[str] = (), **settings: str
) -> str:
    """Start a server that must exit with an error by itself; return its output."""
    process = run_server(kind, home, *arguments, pass_fds=pass_fds, wrapper=wrapper, **settings)
    try:
        output, _ = process.communicate(timeout=30)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
    assert process.returncode not in (0, None), output
    assert "Traceback" not in output
    assert "Booting worker" not in output
    return output


def error_line(output: str) -> str:
    lines = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, output
    assert len([line for line in output.splitlines() if "[INFO]" not in line]) == 1, output
    return lines[0]
