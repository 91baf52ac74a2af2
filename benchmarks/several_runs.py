"""The delay from a row's write to its arrival while 8 runs are active at once, beside a single one.

Each run writes ten rows a second and has 10 clients of its own, which are raw sockets in one thread. The baseline is
one run with 10 clients. CPU is of the service alone, in percent of a core.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure, paired
from benchmarks.followers import EVERY_S, Crowd, crowd
from benchmarks.live import percentiles_ms
from benchmarks.serving import cpu_s
from tests.servers import LiveServer
from tests.waiting import wait_until

NUM_RUNS, NUM_CLIENTS, NUM_ROWS = 8, 10, 40
BASELINE = "one run"


@dataclass(frozen=True)
class Following:
    p50_ms: float
    p99_ms: float
    cpu_percent: float
    num_lost: int


def measure(rounds: int) -> Iterator[Figure]:
    pairs = [(follow(NUM_RUNS, NUM_CLIENTS, NUM_ROWS), follow(1, NUM_CLIENTS, NUM_ROWS)) for _ in range(rounds)]
    for name, unit, field in (("p50", "ms", "p50_ms"), ("p99", "ms", "p99_ms"), ("service's CPU", "%", "cpu_percent")):
        values = [(getattr(several, field), getattr(one, field)) for several, one in pairs]
        yield paired(f"{NUM_RUNS} runs, {name}", unit, values, BASELINE, is_ratio=False)
    lost = [float(several.num_lost) for several, _ in pairs]
    yield Figure(f"{NUM_RUNS} runs, lost", "rows", lost, goal=0, is_ratio=False)


def follow(num_runs: int, num_clients: int, num_rows: int) -> Following:
    """Follow `num_runs` runs at once, each with clients of its own."""
    with tempfile.TemporaryDirectory() as folder:
        server = LiveServer(Path(folder), TRAINING_MAX_ACTIVE=str(num_runs))
        options = ["--rows", str(num_rows), "--pause", str(EVERY_S), "--stamps", "--gates"]
        config = server.write_command("m", "write_metrics.py", "{output_dir}", *options)
        server.start()
        try:
            run_ids = [server.start_run(config) for _ in range(num_runs)]
            with crowd(server.port, num_runs * num_clients, subscribes=False) as followers:
                for number, follower in enumerate(followers.followers):
                    follower.subscribe(run_ids[number % num_runs])
                return _measure(server, followers, run_ids, num_rows)
        finally:
            for run_id in run_ids:
                server.post("/training/stop", {"run_id": run_id, "mode": "discard"})
            server.kill()


def _measure(server: LiveServer, followers: Crowd, run_ids: list[str], num_rows: int) -> Following:
    outputs = [server.runs_dir / run_id / "output" for run_id in run_ids]
    wait_until(lambda: all(output.is_dir() for output in outputs), 60)
    service = server.processes()[0]
    used_s, began_s = cpu_s(service), time.monotonic()
    for output in outputs:
        (output / "go").touch()
    deadline = began_s + num_rows * EVERY_S + 10
    followers.listen(lambda: followers.num_missing(num_rows) == 0 or time.monotonic() > deadline)
    cpu_percent = 100 * (cpu_s(service) - used_s) / (time.monotonic() - began_s)
    return Following(
        *percentiles_ms(followers.ages_s), cpu_percent, followers.num_missed + followers.num_missing(num_rows)
    )
