"""How long the service takes from its start to its first answer at /ping, with everything imported before once.

The processor time tells what is left of it on a busy machine. What bounds it: half is imports (Flask with Jinja,
marshmallow and flask-smorest, Socket.IO; gunicorn itself is a tenth), a tenth the OpenAPI document.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil

from benchmarks.figures import Figure
from benchmarks.serving import service
from tests.servers import KINDS


def measure(rounds: int) -> Iterator[Figure]:
    for kind in KINDS:
        took_s, cpu_s = [], []
        for _ in range(rounds):
            began_s = time.monotonic()
            with service(kind) as server:
                took_s.append(time.monotonic() - began_s)
                assert server.process is not None
                main = psutil.Process(server.process.pid)
                family = [main, *main.children(recursive=True)]
                cpu_s.append(sum(sum(process.cpu_times()[:2]) for process in family))
        yield Figure(f"{kind}, until it answers", "s", took_s, goal=1, is_ratio=False)
        yield Figure(f"{kind}, processor time", "s", cpu_s)
