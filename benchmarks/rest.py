"""GET /training/status while a training runs, by 16 connections that stay open and ask again at once.

The clients are raw sockets in one thread. Both servers are one process. The baseline gives the same answer (it is
compared) over the same files, uvicorn being at its fastest: uvloop, httptools, no access log. The training writes a
row, a line and its progress five times a second, which ours follows meanwhile.

What bounds it under gunicorn: a third of the time is our answer, a fifth gunicorn's parser, which is Python where
uvicorn's is C, and the rest its handing over of each request to a thread and back.
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
    """A service whose training runs, after one that has ended."""
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


def answers(port: int) -> dict[str, Any]:
    told: dict[str, Any] = requests.get(f"http://127.0.0.1:{port}{PATH}", timeout=5).json()
    return told


def measure(rounds: int) -> Iterator[Figure]:
    for kind in ("eventlet", "gunicorn"):
        ours, theirs = [], []
        with running(kind) as server, baseline(*UVICORN) as port:
            wait_until(lambda: answers(server.port) == answers(port), 10)
            for _ in range(rounds):
                ours.append(requests_per_s(server.port, PATH, NUM_CONNECTIONS, SECONDS))
                theirs.append(requests_per_s(port, PATH, NUM_CONNECTIONS, SECONDS))
        yield Figure(f"{kind}", "requests/s", ours, theirs, "FastAPI under uvicorn", GOAL, is_higher_better=True)
