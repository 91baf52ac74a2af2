"""The time from `POST /training/start` to the first line of the program, on this machine and on SLURM.

The baseline of a local start is to execute the program, that of a SLURM start is to submit it with `sbatch`. Both are a
Python program that prints a line. The cluster has a controller and two nodes on this machine. Its controller looks for
jobs to start once a second, which is most of the time. Without SLURM's daemons only the local start is measured.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figures import Figure, paired
from tests.servers import ROOT, LiveServer
from tests.slurm.cluster import Cluster, obstacle
from tests.waiting import wait_until

PROGRAM = [sys.executable, str(ROOT / "tests" / "programs" / "exit_with.py"), "0", "--say", "ready"]


def measure(rounds: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder, service(Path(folder)) as server:
        pairs = [(started_s(server), executed_s()) for _ in range(rounds)]
    yield paired("local: POST to the first line", "s", pairs, "executing the program")
    if (reason := obstacle()) is not None:
        print(f"  SLURM is not measured: {reason}")
        return
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder) / "cluster").start()
        try:
            with service(Path(folder), TRAINING_EXECUTOR="slurm", **cluster.environment) as server:
                pairs = [(started_s(server), submitted_s(cluster)) for _ in range(rounds)]
        finally:
            cluster.stop()
    yield paired("SLURM: POST to the first line", "s", pairs, "sbatch")


@contextmanager
def service(home: Path, **settings: str) -> Iterator[LiveServer]:
    server = LiveServer(home, **settings)
    server.write_command("program", "exit_with.py", "0", "--say", "ready")
    server.start()
    try:
        yield server
    finally:
        server.kill()


def started_s(server: LiveServer) -> float:
    """Start a run, return the time to its first line, and wait for its end."""
    began_s = time.monotonic()
    run_id = server.post("/training/start", {"config_name": "program.yaml"}).json()["run_id"]
    log = server.runs_dir / run_id / "train.log"
    wait_until(lambda: log.exists() and log.stat().st_size, 60)
    took_s = time.monotonic() - began_s
    server.wait_for_state(run_id, "completed")
    return took_s


def executed_s() -> float:
    began_s = time.monotonic()
    with subprocess.Popen(PROGRAM, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        program.stdout.readline()
        return time.monotonic() - began_s


def submitted_s(cluster: Cluster) -> float:
    """Submit the program, return the time to its first line, and wait for its end."""
    output = cluster.folder / "output"
    output.unlink(missing_ok=True)
    began_s = time.monotonic()
    cluster.run("sbatch", f"--output={output}", f"--wrap={' '.join(PROGRAM)}")
    wait_until(lambda: output.exists() and output.stat().st_size, 60)
    took_s = time.monotonic() - began_s
    wait_until(lambda: not cluster.run("squeue", "--noheader"), 60)
    return took_s
