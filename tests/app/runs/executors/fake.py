"""A cluster that runs jobs in this test, and lies and dies on command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count

import psutil

from app.runs.child import environment
from app.runs.exceptions import ExecutorAway
from app.runs.executors.executor import Found, Gone, Needs, Pending, Processes, Ref, Running, Unreachable
from tests.live.processes import kill_at_once
from tests.servers import ROOT
from trainer.experiment.accelerators import Machine
from trainer.rundir import RunDir

DOWN_SINCE = "2026-01-01T00:00:00+00:00"


def launch_runner(run: RunDir) -> subprocess.Popen[bytes]:
    """Launch the runner of a run as the job of a cluster."""
    argv = [sys.executable, "-m", "trainer.runner", str(run.path)]
    return subprocess.Popen(
        argv,
        cwd=ROOT,
        env=environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@dataclass
class Job:
    run: RunDir
    runner: subprocess.Popen[bytes] | None = None
    """None while the job is pending."""

    @property
    def found(self) -> Found:
        if self.runner is None:
            return Pending("Resources")
        return Running("node-1") if self.runner.poll() is None else Gone()


@dataclass
class FakeCluster:
    """The cluster behind all its executors."""

    capacity: int = 1
    is_down: bool = False
    lies: dict[str, Found] = field(default_factory=dict)
    """What it says about runs, whatever the truth."""
    jobs: dict[str, Job] = field(default_factory=dict)
    ids: Iterable[int] = field(default_factory=lambda: count(1))
    """The ids that it gives to jobs."""

    def submit(self, run: RunDir) -> str:
        job_id = str(next(iter(self.ids)))
        self.jobs[job_id] = Job(run)
        self.advance()
        return job_id

    def advance(self) -> None:
        """Launch as many pending jobs as there is room for."""
        for job in self.jobs.values():
            num_running = sum(isinstance(each.found, Running) for each in self.jobs.values())
            if job.runner is None and num_running < self.capacity:
                job.runner = launch_runner(job.run)

    def cancel_all(self) -> None:
        for job in self.jobs.values():
            if job.runner is not None:
                job.runner.kill()
                job.runner.wait()


class FakeExecutor:
    """An executor whose runs are jobs of the fake cluster."""

    name = "fake"
    num_gpus: int | None = None

    def __init__(self, cluster: FakeCluster, queue_advice: str | None = None) -> None:
        self._cluster = cluster
        self.queue_advice = queue_advice

    def accelerators(self) -> Machine | None:
        return None

    def obstacle(self, needs: Needs) -> str | None:
        return None

    def problem(self) -> str | None:
        return "the cluster is down" if self._cluster.is_down else None

    def submit(self, run: RunDir, needs: Needs, reveal: Callable[[], None]) -> Ref:
        if self._cluster.is_down:
            raise ExecutorAway("the cluster is down", None)
        reveal()
        return Ref(run, self.name, self._cluster.submit(run))

    def find(self, refs: Iterable[Ref] = ()) -> Mapping[str, Found]:
        self._cluster.advance()
        truth = {job.run.run_id: job.found for job in self._cluster.jobs.values()}
        found = {run_id: each for run_id, each in truth.items() if not isinstance(each, Gone)}
        found |= {ref.run_id: truth.get(ref.run_id, Gone()) for ref in refs}
        if self._cluster.is_down:
            return {run_id: Unreachable(DOWN_SINCE) if run_id in truth else each for run_id, each in found.items()}
        return found | {run_id: lie for run_id, lie in self._cluster.lies.items() if run_id in found}

    def signal(self, ref: Ref) -> None:
        if (job := self._job(ref)) is None or self._cluster.is_down:
            return
        if job.runner is None:
            self._cluster.jobs = {job_id: each for job_id, each in self._cluster.jobs.items() if each is not job}
        else:
            job.runner.terminate()

    def end(self, ref: Ref) -> Collection[int]:
        job = self._job(ref)
        if job is None or job.runner is None or job.runner.poll() is not None:
            return []
        members = [job.runner.pid, *(child.pid for child in psutil.Process(job.runner.pid).children(recursive=True))]
        kill_at_once(*members)
        return members

    def tend(self, refs: Iterable[Ref], expects_our_trainer: bool = False) -> None:
        """A killed runner leaves nothing behind: the kernel kills its program."""

    def processes(self, ref: Ref) -> Processes:
        return Processes(None, [])

    def close(self) -> None:
        """Nothing belongs to one executor."""

    def _job(self, ref: Ref) -> Job | None:
        """Find the job by its id and its run. The id alone may be another run's by now."""
        jobs = (job for job_id, job in self._cluster.jobs.items() if ref.reference in (None, job_id))
        return next((job for job in jobs if job.run.run_id == ref.run_id), None)
