"""The delay from a training's write to metrics.csv to the arrival at a client, with ten rows a second.

The clients are raw sockets in one thread on the same machine. The baseline emits the same payload from a loop. It
watches no file and sends no other events, so its delay is only that of the library and the server. With a thousand
clients, a poller requests GET /training/status twenty times a second. A row that does not reach a client counts as
lost. A page would notice the gap and fetch it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.figures import Figure, paired
from benchmarks.followers import EVERY_S, crowd
from benchmarks.keepalive import Poller
from benchmarks.serving import baseline, service
from tests.servers import KINDS, ROOT

NUM_ROWS = 40
POLL_INTERVAL_S = 0.05
EMITTER = {
    "eventlet": ("benchmarks.baselines.emitting", "{port}"),
    "gunicorn": (
        *("gunicorn", "-k", "gthread", "--threads", "1100", "-b", "127.0.0.1:{port}", "--pythonpath", str(ROOT)),
        *("--no-control-socket", "--log-level", "error", "benchmarks.baselines.emitting:app"),
    ),
}


@dataclass(frozen=True)
class Latencies:
    """The ages of the rows on arrival and the REST latency at the same time, in milliseconds."""

    p50: float
    p99: float
    num_lost: int
    rest_p99: float = 0.0


def ours(kind: str, num_clients: int, workers: int = 1) -> Latencies:
    with service(kind, workers) as server:
        options = ["--rows", str(NUM_ROWS), "--pause", str(EVERY_S), "--stamps"]
        config = server.write_command("m", "write_metrics.py", "{run_dir}", *options)
        with crowd(server.port, num_clients) as followers:
            poller = Poller(server.port, "/training/status", POLL_INTERVAL_S)
            server.start_run(config)
            deadline = time.monotonic() + NUM_ROWS * EVERY_S + 10
            followers.listen(lambda: followers.num_missing(NUM_ROWS) == 0 or time.monotonic() > deadline, poller)
            p50, p99 = percentiles_ms(followers.ages_s)
            num_lost = followers.num_missed + followers.num_missing(NUM_ROWS)
            return Latencies(p50, p99, num_lost, percentiles_ms(poller.latencies_s)[1])


def emitted(kind: str, num_clients: int) -> Latencies:
    # In the project's folder, gunicorn would read our gunicorn.conf.py.
    folder = ROOT / "benchmarks" if kind == "gunicorn" else ROOT
    with baseline(*EMITTER[kind], folder=folder) as port, crowd(port, num_clients, subscribes=False) as followers:
        followers.listen_for(NUM_ROWS * EVERY_S)
        return Latencies(*percentiles_ms(followers.ages_s), followers.num_missed)


def _percentiles(
    name: str, latencies: list[tuple[Latencies, Latencies]], p50_goal: float | None, p99_goal: float | None
) -> Iterator[Figure]:
    base_name = "the library, empty handler"
    yield paired(f"{name}, p50", "ms", [(our.p50, base.p50) for our, base in latencies], base_name, p50_goal, False)
    yield paired(f"{name}, p99", "ms", [(our.p99, base.p99) for our, base in latencies], base_name, p99_goal, False)


def percentiles_ms(ages_s: list[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(ages_s, n=100)
    return cuts[49] * 1000, cuts[98] * 1000


def measure(rounds: int) -> Iterator[Figure]:
    for kind in KINDS:
        latencies = [(ours(kind, 100), emitted(kind, 100)) for _ in range(rounds)]
        yield from _percentiles(f"{kind}, 100 clients", latencies, 60, 150)
    yield from of_1000_clients("eventlet", rounds, p99_goal=200, rest_goal=100)
    yield from of_1000_clients("gunicorn", rounds, workers=2)


def of_1000_clients(
    kind: str, rounds: int, workers: int = 1, p99_goal: float | None = None, rest_goal: float | None = None
) -> Iterator[Figure]:
    """Measure the delays, the lost rows, and REST at the same time. The baseline has one process in any case."""
    name = f"{kind}, 1,000 clients" if workers == 1 else f"{kind} with {workers} workers, 1,000 clients"
    latencies = [(ours(kind, 1000, workers), emitted(kind, 1000)) for _ in range(rounds)]
    yield from _percentiles(name, latencies, None, p99_goal)
    lost = [float(our.num_lost) for our, _ in latencies]
    yield Figure(f"{name}, lost", "rows", lost, goal=0, is_ratio=False)
    rest = [our.rest_p99 for our, _ in latencies]
    yield Figure(f"{name}, REST p99", "ms", rest, goal=rest_goal, is_ratio=False)
