"""Lists of 10,000 run directories over REST. Each has a small metrics.csv, and nine in ten have a model.

"Fresh" is the first request to a server that has just started. All other requests go to a server that has answered
before. The list by accuracy needs the best value of each run, so its first request reads 10,000 CSV files. The baseline
is a service without a cache: it visits all directories and reads their JSON files.

The lists by state and by accuracy are limited by stat calls. No event announces a changed file, so each request checks
all 10,000 runs: with 30,000 calls by state, and with 50,000 by accuracy, because the metrics are files too. A fresh
request by state parses two JSON files per run. By accuracy it also searches for the CSV and reads it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from benchmarks.baselines import directory_listing
from benchmarks.figures import Figure, paired
from benchmarks.metrics import Client, ms
from tests.app.written import write_model, write_run
from tests.servers import LiveServer

NUM_RUNS = 10_000
RUNS, MODELS = "/training/metrics/runs?limit=50", "/training/models?limit=50"
BY_ACCURACY, BY_STATE, STATUS = f"{RUNS}&sort=-val/acc", f"{RUNS}&sort=status", "/training/status"
ALL_MODELS, PATHS = "/training/models", "/training/trained_models"
BASELINE = "reading each directory's files"


def measure(rounds: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        server = LiveServer(Path(folder))
        write_runs(server.runs_dir)
        for name, target, goal_ms in (
            ("50 runs", RUNS, 2000),
            ("50 models", MODELS, 2000),
            ("50 runs by state", BY_STATE, 2000),
            ("50 runs by accuracy", BY_ACCURACY, 2000),
        ):
            figures = [fresh_ms(server, target) for _ in range(min(rounds, 2))]
            yield Figure(f"{name}, fresh", "ms", figures, goal=goal_ms, is_ratio=False)
        server.start()
        try:
            yield from _warm(server, rounds)
        finally:
            server.kill()


def _warm(server: LiveServer, rounds: int) -> Iterator[Figure]:
    def timed(target: str) -> Callable[[], float]:
        client = Client(server.port, target)
        client.get()
        return lambda: ms(client.get)

    base = partial(ms, lambda: directory_listing.list_runs(server.runs_dir)[:50])
    for name, target, goal_ms in (
        ("50 runs", RUNS, 30),
        ("50 models", MODELS, 30),
        ("50 runs by state", BY_STATE, 100),
        ("50 runs by accuracy", BY_ACCURACY, 100),
        ("status with the last run", STATUS, 30),
    ):
        request = timed(target)
        pairs = [(request(), base()) for _ in range(rounds)]
        yield paired(name, "ms", pairs, BASELINE, goal_ms, is_ratio=False)
    for name, target in (("all 9,000 models", ALL_MODELS), ("all 9,000 model paths", PATHS)):
        request = timed(target)
        yield Figure(name, "ms", [request() for _ in range(rounds)])
    for name, change in (("added", _add), ("changed", _change), ("removed", _remove)):
        request, times = timed(RUNS), []
        for number in range(rounds):
            change(server.runs_dir, number)
            times.append(request())
        yield Figure(f"50 runs, right after one was {name}", "ms", times, goal=2000, is_ratio=False)


def fresh_ms(server: LiveServer, target: str) -> float:
    server.start()
    try:
        return ms(Client(server.port, target).get)
    finally:
        server.kill()


def write_runs(runs_dir: Path) -> None:
    first = datetime(2026, 1, 1)
    for number in range(NUM_RUNS):
        state = "completed" if number % 10 else "failed"
        epochs = range(10)
        rows = "".join(
            f"{e},{e * 50},0.{500 - number % 400 - e},,\n{e},{e * 50},,0.{number}{e},0.{e}\n" for e in epochs
        )
        run = write_run(
            runs_dir,
            f"{first + timedelta(minutes=number):%Y-%m-%d_%H-%M-%S}",
            state,
            metrics=f"epoch,step,train/loss,val/acc,val/loss\n{rows}",
        )
        if number % 10:
            write_model(run)


def _add(runs_dir: Path, number: int) -> None:
    write_run(runs_dir, f"2027-01-01_00-00-0{number}")


def _change(runs_dir: Path, number: int) -> None:
    newest = runs_dir / max(path.name for path in runs_dir.iterdir())
    (newest / "state.json").write_text(json.dumps({"state": "failed", "reason": f"changed {number} times"}))


def _remove(runs_dir: Path, _: int) -> None:
    shutil.rmtree(max(runs_dir.iterdir()))
