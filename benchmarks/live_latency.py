"""How long a row takes from metrics.csv into a client's hands: `python -m benchmarks.live_latency`.

For 1 and for 50 clients, on both servers, beside a baseline in the same run: the same library emitting the same payload
from an empty loop. The clients are threads of one process on the same machine, so with 50 of them their own work counts
too, in both columns. Of ours, up to TRAINING_POLL_INTERVAL_S (0.1 s) is waiting for the next look at the file.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests
import socketio

from benchmarks.baseline import EVERY_S
from tests.servers import KINDS, ROOT, LiveServer, free_port
from tests.waiting import wait_until

NAMESPACE = "/training"


class Listener:
    """A client that notes how old each row was on arrival, in seconds."""

    def __init__(self, url: str, subscribes: bool) -> None:
        self.ages_s: list[float] = []
        self._sio = socketio.Client(reconnection=False)
        self._sio.on("metrics", self._take, namespace=NAMESPACE)
        self._sio.connect(url, namespaces=[NAMESPACE], transports=["websocket"], wait_timeout=30)
        if subscribes:
            self._sio.call("subscribe", {}, namespace=NAMESPACE, timeout=30)

    def _take(self, payload: dict[str, Any]) -> None:
        now = time.time()
        if payload["rows"]:
            written_at = payload["columns"].index("written_at")
            self.ages_s += [now - row[written_at] for row in payload["rows"]]

    def close(self) -> None:
        self._sio.disconnect()


@contextmanager
def listeners(url: str, number: int, subscribes: bool) -> Iterator[list[Listener]]:
    with ExitStack() as stack:
        found = [Listener(url, subscribes) for _ in range(number)]
        for listener in found:
            stack.callback(listener.close)
        yield found


def measure_service(kind: str, num_clients: int, num_rows: int) -> list[float]:
    with tempfile.TemporaryDirectory() as home:
        server = LiveServer(Path(home), kind).start()
        try:
            options = ["--rows", str(num_rows), "--pause", str(EVERY_S), "--stamps"]
            config = server.write_command("m", "write_metrics.py", "{run_dir}", *options)
            with listeners(server.url, num_clients, subscribes=True) as found:
                run_id = server.start_run(config)
                server.wait_for_state(run_id, "completed", timeout_s=num_rows * EVERY_S + 60)
                wait_until(lambda: all(len(listener.ages_s) == num_rows for listener in found), 30)
                return [age for listener in found for age in listener.ages_s]
        finally:
            server.kill()


def measure_baseline(kind: str, num_clients: int, num_rows: int) -> list[float]:
    port = free_port()
    argv = [sys.executable, "-m", "benchmarks.baseline", str(port)]
    if kind == "gunicorn":
        argv = [sys.executable, "-m", "gunicorn", "-k", "gthread", "--threads", "100", "-b", f"127.0.0.1:{port}"]
        argv += ["--pythonpath", str(ROOT), "--no-control-socket", "--log-level", "error", "benchmarks.baseline:app"]
    # Not in the project's folder, where gunicorn would find our gunicorn.conf.py.
    folder = ROOT / "benchmarks" if kind == "gunicorn" else ROOT
    with subprocess.Popen(argv, cwd=folder, stderr=subprocess.DEVNULL) as server:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: _answers(url), 30)
            with listeners(url, num_clients, subscribes=False) as found:
                wait_until(lambda: all(len(listener.ages_s) >= num_rows for listener in found), num_rows * EVERY_S + 60)
                return [age for listener in found for age in listener.ages_s[-num_rows:]]
        finally:
            server.terminate()


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/ping", timeout=5).ok
    except requests.ConnectionError:
        return False


def percentiles_ms(ages_s: list[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(ages_s, n=100)
    return cuts[49] * 1000, cuts[98] * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=300)
    num_rows = parser.parse_args().rows
    threading.stack_size(512 * 1024)
    print("server    clients   p50 ms   p99 ms   baseline p50   baseline p99   p50 / baseline")
    for kind in KINDS:
        for num_clients in (1, 50):
            p50, p99 = percentiles_ms(measure_service(kind, num_clients, num_rows))
            base50, base99 = percentiles_ms(measure_baseline(kind, num_clients, num_rows))
            print(f"{kind:9} {num_clients:7} {p50:8.1f} {p99:8.1f} {base50:14.1f} {base99:14.1f} {p50 / base50:16.1f}")


if __name__ == "__main__":
    main()
