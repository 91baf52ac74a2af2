"""The time from the start of the service to its first response at /ping, with compiled sources in the page cache.

The CPU time does not depend on the load of the machine. Half of the time is spent on imports (Flask with Jinja,
marshmallow and flask-smorest, Socket.IO; gunicorn itself is a tenth), and a tenth on the OpenAPI document.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.figures import Figure
from benchmarks.serving import cpu_s, service
from tests.servers import KINDS


def measure(rounds: int) -> Iterator[Figure]:
    for kind in KINDS:
        duration_s, used_s = [], []
        for _ in range(rounds):
            began_s = time.monotonic()
            with service(kind) as server:
                duration_s.append(time.monotonic() - began_s)
                used_s.append(cpu_s(*server.processes()))
        yield Figure(f"{kind}, until the first response", "s", duration_s, goal=1, is_ratio=False)
        yield Figure(f"{kind}, CPU time", "s", used_s)
