"""A training in a program that waited with everything imported: nothing tells it from a cold one but the time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.runs.executors.local import processes
from tests.servers import LiveServer
from tests.trainer.trainings import Started
from tests.waiting import wait_until
from trainer.dataset.splits import SPLITS
from trainer.rundir import RunDir


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    made = LiveServer(tmp_path, TRAINING_PREWARM="1", TRAINING_API_TOKEN="")
    yield made.start()
    made.post("/training/stop", {"mode": "discard"})
    made.kill()


def waiting_mb(server: LiveServer) -> float | None:
    """The last measure of what waits, as the service tells it."""
    reported: list[float | None] = server.get("/training/system").json()["prewarm_memory_mb"]
    return reported[-1] if reported else None


def waiting_program(server: LiveServer) -> psutil.Process:
    log = server.log_path.read_text()
    return psutil.Process(int(log.rpartition("ready for the next start: process ")[2].partition(",")[0]))


def without_paths(log: str) -> list[str]:
    """What was said, without where: the names and the sizes of files differ with the run's name.

    Only a cold training has libraries to load.
    """
    return [line.partition("/")[0] for line in log.splitlines() if not line.startswith(("decoding ", "loading "))]


@pytest.mark.slow
def test_a_warm_training_differs_in_nothing_from_a_cold_one(
    server: LiveServer, tiny: Path, squares: Path, completed: Started
) -> None:
    wait_until(lambda: waiting_mb(server), 120)
    program = waiting_program(server)
    assert 100 < (waiting_mb(server) or 0) < 2000
    assert not [name for name in program.environ() if name.startswith("TRAINING_")]

    shutil.copy(tiny, server.configs_dir)  # No experiment was there before.
    run_id = server.start_run(tiny.name, **{f"{split}_data_dir": str(squares / split) for split in SPLITS})
    run, lock = RunDir(server.runs_dir / run_id), server.runs_dir.parent / "active.lock"
    wait_until(lambda: [found.pid for found in processes.find(run.path, None)] == [program.pid], 10)  # By its mark.
    program.suspend()  # It has seconds to go: time enough for a look.
    reported = server.run(run_id)
    assert (reported["state"], reported["pid"]) == ("running", program.pid), "the run is in what waited"
    runner = program.parent()
    assert runner is not None
    assert runner.pid == processes.runner_pid(None, run.path), "its parent is called as a runner is"
    assert {found.pid for found in processes.find(run.path, lock)} == {runner.pid, program.pid}, "both hold the lock"
    server.kill()
    server.start()
    assert server.run(run_id)["state"] == "running"
    program.resume()

    reported = server.wait_for_state(run_id, "completed", "failed", timeout_s=120)
    assert (reported["state"], reported["exit_code"]) == ("completed", 0), run.log.read_text()
    assert run.find_metrics().path.read_bytes() == completed.run.find_metrics().path.read_bytes()
    assert without_paths(run.log.read_text()) == without_paths(completed.log)


@pytest.mark.slow
def test_one_that_does_not_answer_is_killed_and_the_run_starts_cold(
    server: LiveServer, tiny: Path, squares: Path
) -> None:
    wait_until(lambda: waiting_mb(server), 120)
    program = waiting_program(server)
    keeper = program.parent()
    assert keeper is not None
    keeper.suspend()
    shutil.copy(tiny, server.configs_dir)
    run_id = server.start_run(tiny.name, **{f"{split}_data_dir": str(squares / split) for split in SPLITS})
    reported = server.run(run_id)
    assert reported["state"] == "running"
    assert reported["pid"] != program.pid
    wait_until(lambda: not keeper.is_running() and not program.is_running(), 5)
