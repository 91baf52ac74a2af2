"""The slowdown of a training under the service with one client, compared with `python -m trainer` alone.

The training is digits with a row of metrics per step. The benchmark times only the fit, because the imports before it
vary by more than the slowdown. It uses the times of two of the run's files: hparams.yaml, which is written right before
the first step, and the last epoch's checkpoint. The client runs on the same machine and counts too. The service does
not run during the baseline. The order of the two alternates.

The speed of a virtual machine may change by a third between two fits, which hides a slowdown of 1%. So a longer fit is
also compared with itself: its steps per second while the service follows it and while the service is stopped (SIGSTOP),
alternating every second.

The service polls the run 13 times a second, for 2 ms each time. Some 30 system calls and the Python code around them
take nearly all of these 2 ms. Sending to one client takes a tenth. Once a second the service measures the run's
processes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.figures import Figure
from tests.servers import ROOT, LiveServer
from tests.waiting import wait_until
from trainer.dataset.splits import SPLITS
from trainer.digits import prepare
from trainer.rundir import RunDir, read_json

GOAL = 1 / 1.01
CONFIG = ROOT / "configs" / "experiment" / "digits_resnet.yaml"
OVERRIDES = {"trainer.log_every_n_steps": 1}
LONG = OVERRIDES | {"trainer.max_epochs": 10_000}
WINDOW_S = 1.0
NUM_WINDOWS = 20
"""The number of windows with the service per round, and the number without it."""


@dataclass(frozen=True)
class Fit:
    """The duration and CPU time of one fit."""

    wall_s: float
    cpu_s: float
    """Includes loader processes."""
    service_cpu_s: float


def measure(rounds: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as home:
        server = LiveServer(Path(home))
        prepare(server.data_dir / "digits")
        shutil.copy(CONFIG, server.configs_dir)
        fit_alone(server, "first")  # fills the image cache
        supervised, alone = [], []
        for number in range(rounds):
            if number % 2:
                alone.append(fit_alone(server, str(number)))
            supervised.append(fit_supervised(server))
            if not number % 2:
                alone.append(fit_alone(server, str(number)))
        with_service, without = zip(*(steps_per_s(server) for _ in range(rounds)), strict=True)
    stopped = "with the service stopped"
    yield Figure(
        "steps per second, supervised", "steps/s", [*with_service], [*without], stopped, GOAL, is_higher_better=True
    )
    for name, of in (("wall time of a fit", "wall_s"), ("its CPU time", "cpu_s")):
        ours, base = ([getattr(fit, of) for fit in fits] for fits in (supervised, alone))
        yield Figure(f"{name}, supervised", "s", ours, base, "python -m trainer alone", goal=GOAL)
    shares = [100 * fit.service_cpu_s / fit.wall_s for fit in supervised]
    yield Figure("CPU of the service, with a client", "% of one core", shares)


def fit_supervised(server: LiveServer) -> Fit:
    server.start()
    try:
        with server.client() as client:
            client.call("subscribe", {}, namespace="/training")
            run_id = server.start_run(CONFIG.name, dataset="digits", overrides=OVERRIDES)
            assert server.process is not None
            service = psutil.Process(server.process.pid)
            fit = measure_fit(RunDir(server.runs_dir / run_id), psutil.Process(server.run(run_id)["pid"]), service)
        server.post("/training/stop", {"mode": "discard"})
        return fit
    finally:
        server.kill()


def steps_per_s(server: LiveServer) -> tuple[float, float]:
    """Return the steps per second of one training with the service and a client, and with the service stopped."""
    server.start()
    try:
        with server.client() as client:
            client.call("subscribe", {}, namespace="/training")
            run = RunDir(server.runs_dir / server.start_run(CONFIG.name, dataset="digits", overrides=LONG))
            wait_until(lambda: run.metrics.exists() and num_rows(run) > 100, 120)
            assert server.process is not None
            service = psutil.Process(server.process.pid)
            steps, seconds = [0, 0], [0.0, 0.0]
            for window in range(2 * NUM_WINDOWS):
                is_stopped = window % 2
                if is_stopped:
                    service.suspend()
                else:
                    service.resume()
                began_s, rows_before = time.monotonic(), num_rows(run)
                time.sleep(WINDOW_S)
                steps[is_stopped] += num_rows(run) - rows_before
                seconds[is_stopped] += time.monotonic() - began_s
            service.resume()
        server.post("/training/stop", {"mode": "discard"})
        return steps[0] / seconds[0], steps[1] / seconds[1]
    finally:
        server.kill()


def num_rows(run: RunDir) -> int:
    return run.metrics.read_bytes().count(b"\n")


def fit_alone(server: LiveServer, name: str) -> Fit:
    run = RunDir(server.home / "alone" / name)
    options = [f"--{split}-data-dir={server.data_dir / 'digits' / split}" for split in SPLITS]
    options += [f"--run-dir={run.path}", f"--cache-dir={server.runs_dir.parent / 'cache'}"]
    options += [f"--set={path}={value}" for path, value in OVERRIDES.items()]
    argv = [sys.executable, "-m", "trainer", str(CONFIG), *options]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as trainer:
        try:
            return measure_fit(run, psutil.Process(trainer.pid))
        finally:
            trainer.kill()


def measure_fit(run: RunDir, trainer: psutil.Process, service: psutil.Process | None = None) -> Fit:
    """Wait for the end of the fit and return its figures."""
    first_file = run.path / "csv" / "version_0" / "hparams.yaml"
    wait_until(first_file.exists, 120)
    cpu_s, service_cpu_s = cpu_time_s(trainer), cpu_time_s(service)
    wait_until(lambda: (read_json(run.progress) or {}).get("phase") in ("test", "export"), 120)
    wall_s = run.last_checkpoint.stat().st_mtime - first_file.stat().st_mtime
    return Fit(wall_s, cpu_time_s(trainer) - cpu_s, cpu_time_s(service) - service_cpu_s)


def cpu_time_s(process: psutil.Process | None) -> float:
    return sum(process.cpu_times()[:4]) if process is not None else 0.0
