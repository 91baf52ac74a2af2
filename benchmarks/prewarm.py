"""The time from `POST /training/start` to the first training step, with TRAINING_PREWARM=1, compared with a cold start.

The training is digits. The image cache and the dataset check exist already, as they do from the second start on. The
time ends with the first row of metrics.csv, which has a row per step. Both starts use the same service and alternate.

The trial export follows the first step, so neither start contains it. It takes another 2.3 s. Before it was moved, the
first step came later by that time. No work was removed, so a training does not end earlier.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figures import Figure
from tests.servers import ROOT, LiveServer
from tests.waiting import wait_until
from trainer.digits import prepare
from trainer.rundir import RunDir

GOAL = 5
OVERRIDES = {"trainer.log_every_n_steps": 1}


def measure(rounds: int) -> Iterator[Figure]:
    with service() as server:
        first_row_s(server)
        cold, warm, memory_mb = [], [], []
        for _ in range(rounds):
            # Right after a run the next prewarmed process is not ready, so this start is cold.
            cold.append(first_row_s(server))
            memory_mb.append(wait_until(lambda: prewarmed_mb(server), 120))
            warm.append(first_row_s(server))
    yield Figure("POST to the first step", "s", warm, cold, "the same service, cold", goal=GOAL)
    yield Figure("memory of the prewarmed process", "MB", memory_mb)


@contextmanager
def service() -> Iterator[LiveServer]:
    """A service with the digits and a prewarmed process."""
    with tempfile.TemporaryDirectory() as home:
        server = LiveServer(Path(home), TRAINING_PREWARM="1")
        prepare(server.data_dir / "digits")
        shutil.copy(ROOT / "configs" / "experiment" / "digits_resnet.yaml", server.configs_dir)
        server.start()
        try:
            yield server
        finally:
            server.post("/training/stop", {"mode": "discard"})
            server.kill()


def first_row_s(server: LiveServer) -> float:
    """Start a run, return the time to its first row, and stop it."""
    began_s = time.monotonic()
    run_id = server.start_run("digits_resnet.yaml", dataset="digits", overrides=OVERRIDES)
    run = RunDir(server.runs_dir / run_id)
    wait_until(lambda: has_row(run), 120)
    took_s = time.monotonic() - began_s
    server.post("/training/stop", {"mode": "discard"})
    return took_s


def has_row(run: RunDir) -> bool:
    return run.metrics.exists() and run.metrics.read_bytes().count(b"\n") > 1


def prewarmed_mb(server: LiveServer) -> float | None:
    memory: list[float | None] = server.get("/training/system").json()["prewarm_memory_mb"]
    return memory[-1] if memory else None
