"""The measured servers: our service in its own folder, and the baselines."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import requests

from tests.servers import ROOT, LiveServer, free_port
from tests.waiting import wait_until


@contextmanager
def service(kind: str, workers: int = 1) -> Iterator[LiveServer]:
    """Start our service. `kind` is eventlet or gunicorn. Only gunicorn may have several workers."""
    with tempfile.TemporaryDirectory() as home:
        server = LiveServer(Path(home), kind, workers).start()
        try:
            yield server
        finally:
            server.post("/training/stop", {"mode": "discard"})
            server.kill()


@contextmanager
def baseline(*arguments: str, folder: Path = ROOT) -> Iterator[int]:
    """Start a server with `python -m ARGUMENTS`, wait for /ping, and yield its port (`{port}` in the arguments)."""
    port = free_port()
    argv = [sys.executable, "-m", *(argument.format(port=port) for argument in arguments)]
    with subprocess.Popen(argv, cwd=folder, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: _answers(port), 30)
            yield port
        finally:
            server.terminate()


def cpu_s(*processes: psutil.Process) -> float:
    """Return the CPU time that processes have used so far."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/ping", timeout=5).ok
    except requests.ConnectionError:
        return False
