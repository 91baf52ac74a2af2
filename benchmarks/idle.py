"""The cost of the service without a run: CPU time in percent of one core, and memory as PSS.

The clients receive the system usage once a second.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.figures import Figure
from benchmarks.followers import crowd
from benchmarks.serving import cpu_s, service
from tests.servers import KINDS

SETTLE_S = 2.0
SECONDS = 6.0
MAX_PERCENT, MAX_MB = 1, 100
MAX_ROUNDS = 3
"""A round takes long, and the spread of the figures is small."""


def idle(kind: str, num_clients: int) -> tuple[float, float]:
    """Return the CPU percentage and the memory in MB of all the server's processes together."""
    with service(kind) as server, crowd(server.port, num_clients) as followers:
        processes = server.processes()
        followers.listen_for(SETTLE_S)
        began_s, used_s = time.monotonic(), cpu_s(*processes)
        followers.listen_for(SECONDS)
        percent = 100 * (cpu_s(*processes) - used_s) / (time.monotonic() - began_s)
        return percent, sum(process.memory_full_info().pss for process in processes) / 1e6


def measure(rounds: int) -> Iterator[Figure]:
    for kind in KINDS:
        for num_clients in (0, 1, 50):
            pairs = [idle(kind, num_clients) for _ in range(min(rounds, MAX_ROUNDS))]
            percents, megabytes = (list(values) for values in zip(*pairs, strict=True))
            what = f"{kind}, {num_clients} clients"
            yield Figure(f"{what}, CPU", "%", percents, goal=MAX_PERCENT, is_ratio=False)
            yield Figure(f"{what}, memory", "MB", megabytes, goal=MAX_MB, is_ratio=False)
