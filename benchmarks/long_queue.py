"""A queue of 1,000 runs over REST: adding a run, the list, a move to the front, and the dispatch.

"Dispatch" is the time per run while the queue works off runs whose program ends at once. So it is mostly the start of
two processes, and the supervisor's next look. The baseline is a service whose queue is short.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.figures import Figure, paired
from benchmarks.metrics import ms
from tests.servers import LiveServer
from tests.waiting import wait_until

NUM_RUNS, NUM_FEW = 1000, 10
DISPATCHED = 10
"""How many runs are dispatched in a round."""
BASELINE = f"a queue of {NUM_FEW}"


def measure(rounds: int) -> Iterator[Figure]:
    yield from beside_a_short_queue(rounds, NUM_RUNS, NUM_FEW, DISPATCHED)


def beside_a_short_queue(rounds: int, number: int, few: int, dispatched: int) -> Iterator[Figure]:
    """Measure a queue of `number` runs beside one of `few`. Both keep their length."""
    acts: dict[str, Callable[[LiveServer], object]] = {
        "add a run": _add,
        "list": _list,
        "move the last run to the front": _move,
    }
    with queue_of(number) as long, queue_of(few) as short:
        for name, act in acts.items():
            pairs = [(ms(partial(act, long)), ms(partial(act, short))) for _ in range(rounds)]
            yield paired(f"{name}, {number:,} queued", "ms", pairs, BASELINE, is_ratio=False)
        pairs = [(dispatch_s(long, dispatched), dispatch_s(short, dispatched)) for _ in range(rounds)]
        yield paired(f"dispatch, {number:,} queued", "s per run", pairs, BASELINE, is_ratio=False)


@contextmanager
def queue_of(number: int) -> Iterator[LiveServer]:
    """Start a service whose queue is paused and has `number` runs."""
    with tempfile.TemporaryDirectory() as folder:
        server = LiveServer(Path(folder))
        server.write_command("quick", "exit_with.py", "0")
        server.start()
        try:
            server.post("/training/queue/pause")
            for _ in range(number):
                _add(server)
            yield server
        finally:
            server.post("/training/queue/pause")
            wait_until(lambda: not server.get("/training/status").json()["running"], 60)
            server.kill()


def dispatch_s(server: LiveServer, number: int) -> float:
    """Add as many runs as are dispatched, and return the seconds per run while they are."""
    for _ in range(number):
        _add(server)
    before = len(_list(server))
    began_s = time.monotonic()
    server.post("/training/queue/resume")
    wait_until(lambda: before - len(_list(server)) >= number, 600)
    took_s = time.monotonic() - began_s
    num_done = before - len(_list(server))
    server.post("/training/queue/pause")
    return took_s / num_done


def _add(server: LiveServer) -> None:
    answer = server.post("/training/start", {"config_name": "quick.yaml", "queue": True})
    assert answer.status_code == 202, answer.text


def _list(server: LiveServer) -> list[str]:
    return [run["run_id"] for run in server.get("/training/queue").json()["runs"]]


def _move(server: LiveServer) -> None:
    last = _list(server)[-1]
    answer = server.patch(f"/training/queue/{last}", {"position": 1})
    assert answer.json()["runs"][0]["run_id"] == last, answer.text
