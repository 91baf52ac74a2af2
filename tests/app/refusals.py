"""A server that must end by itself at its start, with one clear line."""

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
    """Start a server that must end by itself with an error; return what it said."""
    process = run_server(kind, home, *arguments, pass_fds=pass_fds, wrapper=wrapper, **settings)
    try:
        said, _ = process.communicate(timeout=30)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
    assert process.returncode not in (0, None), said
    assert "Traceback" not in said
    assert "Booting worker" not in said
    return said


def the_line(said: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, said
    assert len([line for line in said.splitlines() if "[INFO]" not in line]) == 1, said
    return lines[0]
