"""From `POST /training/start` to the first training step, with TRAINING_PREWARM=1 beside a cold start.

Digits, with decoded images and the check of the dataset kept from an earlier run, as from the second start on. It ends
with the first row of metrics.csv, with a row per step. Both starts go through the same service, in turns.
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
            # The program that waits is not ready yet, right after a run, and so is none for this start.
            cold.append(first_row_s(server))
            memory_mb.append(wait_until(lambda: waiting_mb(server), 120))
            warm.append(first_row_s(server))
    yield Figure("POST to the first step", "s", warm, cold, "the same service, cold", goal=GOAL)
    yield Figure("memory of the program that waits", "MB", memory_mb)


@contextmanager
def service() -> Iterator[LiveServer]:
    """A service that has the digits and keeps a program waiting."""
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
    """Start a run, and stop it once its first row is there; return how long that took."""
    began_s = time.monotonic()
    run_id = server.start_run("digits_resnet.yaml", dataset="digits", overrides=OVERRIDES)
    run = RunDir(server.runs_dir / run_id)
    wait_until(lambda: has_row(run), 120)
    took_s = time.monotonic() - began_s
    server.post("/training/stop", {"mode": "discard"})
    return took_s


def has_row(run: RunDir) -> bool:
    metrics = run.find_metrics()
    return metrics is not None and metrics.path.read_bytes().count(b"\n") > 1


def waiting_mb(server: LiveServer) -> float | None:
    told: list[float | None] = server.get("/training/system").json()["prewarm_memory_mb"]
    return told[-1] if told else None
