"""What the service costs while nothing runs: `python -m benchmarks.idle`. CPU in percent of one core, memory as PSS."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import psutil
import socketio

from tests.servers import KINDS, LiveServer

SETTLE_S = 2.0


def measure(kind: str, num_clients: int, seconds: float) -> tuple[float, float]:
    """Return the CPU percentage and the memory in MB of all the server's processes together."""
    with tempfile.TemporaryDirectory() as home:
        server = LiveServer(Path(home), kind).start()
        clients = [socketio.Client() for _ in range(num_clients)]
        try:
            assert server.process is not None
            for client in clients:
                client.connect(server.url, namespaces=["/training"], transports=["websocket"])
                client.call("subscribe", {}, namespace="/training")
            main = psutil.Process(server.process.pid)
            processes = [main, *main.children(recursive=True)]
            time.sleep(SETTLE_S)
            began_s, used_s = time.monotonic(), _cpu_s(processes)
            time.sleep(seconds)
            percent = 100 * (_cpu_s(processes) - used_s) / (time.monotonic() - began_s)
            return percent, sum(process.memory_full_info().pss for process in processes) / 1e6
        finally:
            for client in clients:
                client.disconnect()
            server.kill()


def _cpu_s(processes: list[psutil.Process]) -> float:
    return sum(process.cpu_times().user + process.cpu_times().system for process in processes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    seconds = parser.parse_args().seconds
    print("server    clients   cpu %   memory MB")
    for kind in KINDS:
        for num_clients in (0, 1, 50):
            percent, memory_mb = measure(kind, num_clients, seconds)
            print(f"{kind:9} {num_clients:7} {percent:7.2f} {memory_mb:11.0f}")


if __name__ == "__main__":
    main()
