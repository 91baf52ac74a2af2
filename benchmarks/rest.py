"""GET /training/status during a training, over 16 keep-alive connections without pauses.

The clients are raw sockets in one thread. Each server is one process. The baseline reads the same files and returns the
same body, which the benchmark checks. Its uvicorn is configured for speed: uvloop, httptools, no access log. The
training writes a row, a log line and its progress five times a second, and our service follows them.

Under gunicorn, a third of the time is spent in our code and a fifth in gunicorn's parser, which is written in Python
(uvicorn's is C). The rest is the handover of each request to a thread and back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from benchmarks.figures import Figure
from benchmarks.keepalive import requests_per_s
from benchmarks.serving import baseline, service
from tests.servers import LiveServer
from tests.waiting import wait_until

PATH = "/training/status"
NUM_CONNECTIONS = 16
SECONDS = 3.0
UVICORN = ("uvicorn", "benchmarks.baselines.fastapi_status:app", "--port", "{port}", "--log-level", "error")
GOAL = 1.5


@contextmanager
def running(kind: str) -> Iterator[LiveServer]:
    """A service with one active run and one completed run."""
    with service(kind) as server:
        ended = server.start_run(server.write_command("e", "write_metrics.py", "{run_dir}", "--rows", "5"))
        server.wait_for_state(ended, "completed")
        config = server.write_command("m", "write_metrics.py", "{run_dir}", "--rows", "10000", "--pause", "0.2")
        run_id = server.start_run(config)
        os.environ |= {
            "STATUS_RUNS_DIR": str(server.runs_dir),
            "STATUS_RUN_ID": run_id,
            "STATUS_LAST_RUN_ID": ended,
        }
        yield server


def status(port: int) -> dict[str, Any]:
    body: dict[str, Any] = requests.get(f"http://127.0.0.1:{port}{PATH}", timeout=5).json()
    return body


def measure(rounds: int) -> Iterator[Figure]:
    for kind in ("eventlet", "gunicorn"):
        ours, theirs = [], []
        with running(kind) as server, baseline(*UVICORN) as port:
            wait_until(lambda: status(server.port) == status(port), 10)
            for _ in range(rounds):
                ours.append(requests_per_s(server.port, PATH, NUM_CONNECTIONS, SECONDS))
                theirs.append(requests_per_s(port, PATH, NUM_CONNECTIONS, SECONDS))
        yield Figure(f"{kind}", "requests/s", ours, theirs, "FastAPI under uvicorn", GOAL, is_higher_better=True)
