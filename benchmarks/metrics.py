"""A run's metrics over REST, compared with a service that reads the file with pandas and converts each row to JSON.

The files look like those of Lightning: a row per step with learning rate, loss and accuracy, and a validation in each
500th row. "Function" runs without a server, and ours has not read the file before. A poll requests the new row after
each append. Its baseline requests all rows or, in a faster variant, skips the known rows before its loop. `max_points`
and 304 have no baseline. The pause is the longest time in which the eventlet loop is blocked while the server sends
100,000 rows, in its first response and later, or while a Socket.IO client subscribes to them.
"""

from __future__ import annotations

import csv
import http.client
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil

from app.runs.metrics.inspection import inspect
from app.runs.metrics.rows import WantedRows, encode
from benchmarks.baselines import pandas_metrics
from benchmarks.figures import Figure, paired
from benchmarks.serving import baseline
from tests.app.written import write_run
from tests.servers import ROOT, LiveServer
from tests.waiting import wait_until
from trainer.runfile import RunFile

COLUMNS = ["epoch", "lr", "step", "train/acc", "train/loss", "val/acc", "val/loss"]
BASELINE = "pandas and a loop over rows"
SLICED = "the same, the loop over new rows only"
POLLS = 20


def measure(rounds: int) -> Iterator[Figure]:
    for num_rows in (10_000, 100_000):
        with tempfile.TemporaryDirectory() as folder:
            yield from _measure(Path(folder), num_rows, rounds)


def _measure(home: Path, num_rows: int, rounds: int) -> Iterator[Figure]:
    run = write_run(home / "logs" / "runs", "run", metrics="")
    path = run / "csv" / "version_0" / "metrics.csv"
    write_metrics(path, num_rows)
    yield compare(f"{num_rows:,} rows, function", 15, rounds, lambda: ours(path), lambda: pandas_metrics.answer(path))
    with serving(home) as server, baseline("benchmarks.baselines.pandas_metrics", "{port}", str(path)) as peer:
        mine, other = Client(server.port, "/training/metrics/runs/run"), Client(peer, "/metrics")
        yield Figure("longest pause, first answer", "ms", [mine.longest_pause_ms()], goal=20, is_ratio=False)
        yield compare(f"{num_rows:,} rows, REST", 15, rounds, mine.get, other.get)
        if num_rows < 100_000:
            return
        yield Figure("longest pause, later", "ms", [mine.longest_pause_ms() for _ in range(rounds)], [], "", 20, False)
        yield from _polls(path, num_rows, rounds, mine, other)
        yield Figure("max_points=500", "ms", [ms(lambda: mine.get("?max_points=500")) for _ in range(rounds + 1)][1:])
        mine.get()
        yield Figure("unchanged: 304", "ms", [ms(lambda: mine.get(tag=mine.tag)) for _ in range(rounds)])
        yield from _subscriptions(server, num_rows, rounds, mine)
        yield Figure("memory of the server afterwards", "MB", [server_memory_mb(server)])


def _polls(path: Path, num_rows: int, rounds: int, mine: Client, other: Client) -> Iterator[Figure]:
    """Append a row and request it. For ours repeat that, because a single poll is too short to measure."""
    rest, whole, sliced = [], [], []
    for number in range(rounds):
        rows = range(num_rows + POLLS * number, num_rows + POLLS * (number + 1))
        rest.append(sum(ms(partial(_poll, mine, path, row)) for row in rows) / POLLS)
        whole.append(ms(other.get))
        sliced.append(ms(partial(other.get, f"?since_row={rows[-1]}")))
    yield Figure("poll for the new row of 100,000", "ms", rest, whole, BASELINE, 500)
    yield Figure("poll for the new row of 100,000", "ms", rest, sliced, SLICED)


def _subscriptions(server: LiveServer, num_rows: int, rounds: int, mine: Client) -> Iterator[Figure]:
    with server.client() as client:

        def subscribe(row: int) -> None:
            body = client.call("subscribe", {"run_id": "run", "row": row}, namespace="/training")
            assert body["from_row"] == row

        pause = mine.longest_pause_ms(lambda: subscribe(0))
        yield Figure("longest pause, first subscription", "ms", [pause], goal=20, is_ratio=False)
        late = [ms(partial(subscribe, num_rows - 10)) for _ in range(rounds)]
        yield Figure("subscribe, ten rows behind", "ms", late)


def _poll(mine: Client, path: Path, row: int) -> None:
    append(path, row)
    mine.get(f"?since_row={row}")


def compare(name: str, goal: float, rounds: int, our: Callable[[], object], base: Callable[[], object]) -> Figure:
    return paired(name, "ms", [(ms(our), ms(base)) for _ in range(rounds)], BASELINE, goal)


def ms(act: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - began_s)


def ours(path: Path) -> bytes:
    return b"".join(encode("run", inspect(RunFile.alone(path)), WantedRows()))


def write_metrics(path: Path, num_rows: int) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(_row(number) for number in range(num_rows))


def append(path: Path, row: int) -> None:
    with open(path, "a", newline="") as file:
        csv.writer(file).writerow(_row(row))


def _row(number: int) -> list[object]:
    if number % 500 == 499:
        return [number // 500, "", number, "", "", random.random(), random.expovariate(1)]
    return [number // 500, random.random() / 1000, number, random.random(), random.expovariate(1), "", ""]


class Client:
    """A keep-alive connection, as a polling program uses it."""

    def __init__(self, port: int, path: str) -> None:
        self._connection, self._path = http.client.HTTPConnection("127.0.0.1", port), path
        self.tag = ""

    def get(self, query: str = "", tag: str | None = None) -> bytes:
        self._connection.request("GET", self._path + query, headers={"If-None-Match": tag} if tag else {})
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == (304 if tag else 200), body[:1000]
        self.tag = answer.headers.get("ETag", "")
        return body

    def longest_pause_ms(self, meanwhile: Callable[[], object] | None = None) -> float:
        """Return the longest pause during a call, by default the request for all rows. Needs a ticking server."""
        clock = Client(self._connection.port, "/longest-pause")
        clock.get()
        (meanwhile or self.get)()
        return float(clock.get().partition(b":")[2].strip(b" }\n"))


@contextmanager
def serving(home: Path) -> Iterator[LiveServer]:
    server = LiveServer(home)
    command = [sys.executable, "-m", "benchmarks.ticking_server"]
    server.process = subprocess.Popen(command, cwd=ROOT, env=server.environment(), start_new_session=True)
    try:
        wait_until(server.answers, 30)
        yield server
    finally:
        server.kill()


def server_memory_mb(server: LiveServer) -> float:
    assert server.process is not None
    return float(psutil.Process(server.process.pid).memory_full_info().pss / 1e6)
