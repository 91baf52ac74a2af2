"""Runs of test programs on a test cluster, without a server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from app.runs.executors.executor import Found, Needs, Ref
from app.runs.executors.slurm.commands import Commands
from app.runs.executors.slurm.executor import SlurmExecutor
from app.runs.executors.slurm.listing import Listings
from app.runs.executors.slurm.submission import Submissions
from tests.servers import ROOT
from tests.slurm.cluster import PATH, Cluster
from tests.trainer.launched import program
from tests.waiting import wait_until
from trainer.rundir import RunDir, write_json


class Service:
    """What a service process knows: an executor, and a folder of runs that may be another service's too."""

    def __init__(
        self, cluster: Cluster, runs_dir: Path, *options: str, max_active: int | None = None, path: str = PATH
    ) -> None:
        runs_dir.mkdir(parents=True, exist_ok=True)
        self.runs_dir = runs_dir
        commands = Commands(os.environ | cluster.environment | {"PATH": path, "TRAINING_API_TOKEN": "secret"})
        listings = Listings(commands, every_s=0.2, answers_within_s=2)
        self.executor = SlurmExecutor(runs_dir, commands, Submissions(commands, options, ROOT), listings, max_active)

    def submit(self, name: str, *argv: str, gpus: int | None = None, **described: Any) -> RunDir:
        """Submit a run of a program of tests/programs, and return its directory."""
        run = RunDir(self.runs_dir / name)
        launched_from = {"argv": program(*argv), "cwd": "/", "env": {}, "needs_result": False}
        launched_from |= {"stop": {"signal": "SIGTERM", "grace_s": 5}, **described}

        def reveal() -> None:
            run.path.mkdir()
            write_json(run.run, {"request": {}, "program": launched_from})

        self.executor.submit(run, Needs(gpus), reveal)
        return run

    def find(self, run: RunDir) -> Found:
        return self.executor.find([Ref.read(run)])[run.run_id]

    def wait_for(self, run: RunDir, *kinds: type[Found], timeout_s: float = 20) -> Found:
        """Return what the executor says once it is one of the kinds."""
        wait_until(lambda: isinstance(self.find(run), kinds), timeout_s, lambda: self.find(run))
        return self.find(run)

    def wait_until_ready(self, run: RunDir) -> None:
        """Return once the program has printed `ready` and the runner has written that it runs, in either order."""
        wait_until(lambda: run.log.exists() and "ready" in run.log.read_text(), 20, lambda: _describe(run))
        wait_until(lambda: (run.read_json(run.state) or {}).get("state") == "running", 20, lambda: _describe(run))

    def wait_for_verdict(self, run: RunDir, timeout_s: float = 20) -> dict[str, Any]:
        wait_until(lambda: (run.read_json(run.state) or {}).get("ended_at"), timeout_s, lambda: _describe(run))
        return run.read_json(run.state) or {}

    def stop(self, run: RunDir) -> None:
        write_json(run.stop, {"mode": "save", "grace_s": 5})
        self.executor.signal(Ref.read(run))


def stepd(run: RunDir) -> psutil.Process:
    return psutil.Process(runner(run).ppid())


def kill(*victims: psutil.Process) -> None:
    """Send SIGKILL to all of them, and return once they are gone."""
    for victim in victims:
        with suppress(psutil.NoSuchProcess):  # It has ended with another one.
            victim.kill()
    psutil.wait_procs(victims, 10)


@contextmanager
def service(cluster: Cluster, runs_dir: Path, *options: str, **others: Any) -> Iterator[Service]:
    """Yield a service, and end its runs."""
    running = Service(cluster, runs_dir, *options, **others)
    try:
        yield running
    finally:
        running.executor.close()
        cluster.end_jobs()


def age(run: RunDir) -> None:
    """Make the heartbeat old, so that a test need not wait until it is."""
    status = run.heartbeat.stat()
    os.utime(run.heartbeat, (status.st_atime, status.st_mtime - 3600))


def runner(run: RunDir) -> psutil.Process:
    return psutil.Process((run.read_json(run.state) or {})["runner"]["pid"])


def _describe(run: RunDir) -> dict[str, str]:
    files = (run.state, run.log, run.executor_log, run.executor)
    return {file.name: file.read_text() if file.exists() else "missing" for file in files}
