"""The executor of a cluster, with SLURM's commands replaced by scripts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.runs.executors.executor import Gone, Pending, Ref
from app.runs.executors.slurm.commands import Commands
from app.runs.executors.slurm.executor import SlurmExecutor
from app.runs.executors.slurm.listing import Listings
from app.runs.executors.slurm.submission import Submissions
from app.runs.queue.ending import end_unlaunched
from tests.servers import ROOT
from tests.waiting import wait_until
from trainer.rundir import RunDir, write_json
from trainer.runner.verdict import FAILED, INTERRUPTED, NEVER_LAUNCHED, STOPPED


class Scripts:
    """A service whose SLURM lists one job of one run, and records what is cancelled."""

    def __init__(self, folder: Path, job: str) -> None:
        runs_dir = folder / "runs"
        self.run, self._calls = RunDir(runs_dir / "a"), folder / "calls"
        self.run.path.mkdir(parents=True)
        write_json(self.run.run, {"request": {}})
        Ref(self.run, "slurm", "7").write()
        self._write(folder / "squeue", f"echo '7|{job}|{self.run.path}'")
        self._write(folder / "scancel", f'echo "$@" >> {self._calls}')
        commands = Commands({"PATH": f"{folder}:{os.environ['PATH']}"})
        self.listings = Listings(commands, every_s=0)
        self.executor = SlurmExecutor(runs_dir, commands, Submissions(commands, (), ROOT), self.listings)

    def add(self, run_id: str, reference: str | None) -> Ref:
        """Add a run, as another service process does before (None) or after it has submitted the job."""
        run = RunDir(self.run.path.with_name(run_id))
        run.path.mkdir(exist_ok=True)
        write_json(run.run, {"request": {}})
        Ref(run, "slurm", reference).write()
        return Ref(run)

    def list_again(self) -> None:
        """Return when the inquiry after the next has been answered."""
        for _ in range(2):
            self.listings.wait()

    def tend(self) -> None:
        self.executor.tend([Ref.read(self.run)])

    def cancelled(self) -> str:
        return self._calls.read_text() if self._calls.exists() else ""

    def _write(self, program: Path, script: str) -> None:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)


@pytest.fixture
def pending(tmp_path: Path) -> Iterator[Scripts]:
    made = Scripts(tmp_path, "PENDING||1:00|Resources")
    yield made
    made.executor.close()


@pytest.fixture
def timed_out(tmp_path: Path) -> Iterator[Scripts]:
    made = Scripts(tmp_path, "TIMEOUT|n1|1:00|None")
    yield made
    made.executor.close()


def test_a_job_whose_run_was_cancelled_by_a_service_that_was_killed_then_is_cancelled(pending: Scripts) -> None:
    end_unlaunched(pending.run, STOPPED, NEVER_LAUNCHED)  # Killed before it wrote stop.json.
    wait_until(lambda: pending.tend() or "--state=PENDING 7" in pending.cancelled(), 10)


def test_the_end_that_slurm_knows_is_written_once_there_is_room_for_it(timed_out: Scripts) -> None:
    obstacle = timed_out.run.executor.with_name(f".executor.json.{os.getpid()}")
    obstacle.mkdir()  # As on a full disk, no new version of executor.json can be written.
    wait_until(lambda: timed_out.tend() or timed_out.executor.find([Ref(timed_out.run)])["a"] != Gone(), 10)
    timed_out.tend()
    assert Ref.read(timed_out.run).ended is None
    obstacle.rmdir()
    timed_out.tend()
    ended = Ref.read(timed_out.run).ended
    assert ended is not None
    assert ended.state == FAILED


def test_a_run_that_another_service_has_just_added_is_found_without_its_id(pending: Scripts) -> None:
    assert pending.executor.find().keys() == {"a"}
    pending.add("b", None)
    assert pending.executor.find().keys() == {"a", "b"}


def test_a_job_that_another_service_has_just_submitted_is_not_lost(pending: Scripts) -> None:
    """The last list of jobs may be older than the job, although it is newer than the run."""
    pending.executor.find()
    ref = pending.add("b", None)
    assert isinstance(pending.executor.find([ref])["b"], Pending)
    pending.list_again()
    pending.add("b", "8")
    assert isinstance(pending.executor.find([ref])["b"], Pending)
    pending.list_again()
    assert pending.executor.find([ref])["b"] == Gone(INTERRUPTED, "SLURM lost the job before the run began")
