"""From the moment a training writes a row into metrics.csv until it is in a client's hands, ten rows a second.

The clients are raw sockets in one thread on the same machine. The baseline emits the same payload from a loop that does
nothing else, so it has no file to notice and no other event to send: what it needs is the library's and the server's.
While a thousand follow, GET /training/status is asked twenty times a second. A row that a client did not get counts as
lost, although a page that sees the gap would fetch it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.baselines.emitting import EVERY_S
from benchmarks.figures import Figure
from benchmarks.followers import crowd
from benchmarks.keepalive import Asker
from benchmarks.serving import baseline, service
from tests.servers import KINDS, ROOT

NUM_ROWS = 40
ASK_EVERY_S = 0.05
EMITTER = {
    "eventlet": ("benchmarks.baselines.emitting", "{port}"),
    "gunicorn": (
        *("gunicorn", "-k", "gthread", "--threads", "1100", "-b", "127.0.0.1:{port}", "--pythonpath", str(ROOT)),
        *("--no-control-socket", "--log-level", "error", "benchmarks.baselines.emitting:app"),
    ),
}


@dataclass(frozen=True)
class Heard:
    """What a crowd heard, in ms: the rows' ages on arrival, and REST's answers meanwhile."""

    p50: float
    p99: float
    num_lost: int
    rest_p99: float = 0.0


def ours(kind: str, num_clients: int) -> Heard:
    with service(kind) as server:
        options = ["--rows", str(NUM_ROWS), "--pause", str(EVERY_S), "--stamps"]
        config = server.write_command("m", "write_metrics.py", "{run_dir}", *options)
        with crowd(server.port, num_clients) as followers:
            asker = Asker(server.port, "/training/status", ASK_EVERY_S)
            server.start_run(config)
            deadline = time.monotonic() + NUM_ROWS * EVERY_S + 10
            followers.listen(lambda: followers.num_missing(NUM_ROWS) == 0 or time.monotonic() > deadline, asker)
            p50, p99 = percentiles_ms(followers.ages_s)
            num_lost = followers.num_missed + followers.num_missing(NUM_ROWS)
            return Heard(p50, p99, num_lost, percentiles_ms(asker.latencies_s)[1])


def emitted(kind: str, num_clients: int) -> Heard:
    # Not in the project's folder, where gunicorn would find our gunicorn.conf.py.
    folder = ROOT / "benchmarks" if kind == "gunicorn" else ROOT
    with baseline(*EMITTER[kind], folder=folder) as port, crowd(port, num_clients, subscribes=False) as followers:
        followers.listen_for(NUM_ROWS * EVERY_S)
        return Heard(*percentiles_ms(followers.ages_s), followers.num_missed)


def percentiles_ms(ages_s: list[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(ages_s, n=100)
    return cuts[49] * 1000, cuts[98] * 1000


def measure(rounds: int) -> Iterator[Figure]:
    for kind in KINDS:
        heard = [(ours(kind, 100), emitted(kind, 100)) for _ in range(rounds)]
        yield figure(f"{kind}, 100 clients, p50", [(our.p50, base.p50) for our, base in heard], 60)
        yield figure(f"{kind}, 100 clients, p99", [(our.p99, base.p99) for our, base in heard], 150)
    heard = [(ours("eventlet", 1000), emitted("eventlet", 1000)) for _ in range(rounds)]
    yield figure("eventlet, 1,000 clients, p50", [(our.p50, base.p50) for our, base in heard], None)
    yield figure("eventlet, 1,000 clients, p99", [(our.p99, base.p99) for our, base in heard], 200)
    lost = [float(our.num_lost) for our, _ in heard]
    yield Figure("eventlet, 1,000 clients, lost", "rows", lost, goal=0, is_ratio=False)
    rest = [our.rest_p99 for our, _ in heard]
    yield Figure("eventlet, 1,000 clients, REST p99", "ms", rest, goal=100, is_ratio=False)


def figure(name: str, pairs: list[tuple[float, float]], goal: float | None) -> Figure:
    our, base = (list(values) for values in zip(*pairs, strict=True))
    return Figure(name, "ms", our, base, "the library, empty handler", goal, is_ratio=False)
