"""Trainings in a prewarmed process, which differ from cold ones only in their duration."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.runs.executors.local import processes
from tests.live.files import assert_equals_files, wait_until_over
from tests.live.following import following
from tests.live.processes import is_gone
from tests.servers import LiveServer
from tests.trainer.trainings import Trained
from tests.waiting import wait_until
from trainer.dataset.splits import SPLITS
from trainer.rundir import RunDir


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    made = LiveServer(tmp_path, TRAINING_PREWARM="1", TRAINING_API_TOKEN="")
    yield made.start()
    made.post("/training/stop", {"mode": "discard"})
    made.kill()


def prewarmed_mb(server: LiveServer) -> float | None:
    """Return the memory of the prewarmed process that the service reported last."""
    reported: list[float | None] = server.get("/training/system").json()["prewarm_memory_mb"]
    return reported[-1] if reported else None


def prewarmed_process(server: LiveServer) -> psutil.Process:
    log = server.log_path.read_text()
    return psutil.Process(int(log.rpartition("ready for the next start: process ")[2].partition(",")[0]))


def without_paths(log: str) -> list[str]:
    """Return the log's lines up to the first slash, because paths and file sizes differ with the run's name.

    Leave out the lines about decoding, and those about loading libraries, which only a cold training has.
    """
    return [line.partition("/")[0] for line in log.splitlines() if not line.startswith(("decoding ", "loading "))]


@pytest.mark.slow
def test_a_warm_training_from_the_queue_has_the_metrics_and_the_log_of_a_cold_one(
    server: LiveServer, tiny: Path, squares: Path, completed: Trained
) -> None:
    release = server.home / "release"
    server.start_run(server.write_command("waiting", "wait_for_file.py", str(release)))
    shutil.copy(tiny, server.configs_dir)
    folders = {f"{split}_data_dir": str(squares / split) for split in SPLITS}
    run_id = server.start_run(tiny.name, queue=True, **folders)
    wait_until(lambda: prewarmed_mb(server), 120)  # While another run holds the only slot.
    program = prewarmed_process(server)
    assert 100 < (prewarmed_mb(server) or 0) < 2000
    assert not [name for name in program.environ() if name.startswith("TRAINING_")]

    release.touch()
    run, lock = RunDir(server.runs_dir / run_id), server.runs_dir.parent / "slots" / "0.lock"
    wait_until(
        lambda: [found.pid for found in processes.find(run.path, None)] == [program.pid], 10
    )  # Found by its mark.
    program.suspend()  # The training needs seconds, so it has not ended yet.
    reported = server.wait_for_state(run_id, "running")
    assert reported["pid"] == program.pid, "the prewarmed process runs the training"
    runner = program.parent()
    assert runner is not None
    assert runner.pid == processes.runner_pid({}, run.path), "its parent has a runner's command line"
    assert {found.pid for found in processes.find(run.path, lock)} == {runner.pid, program.pid}, "both hold the lock"
    with following(server, run_id) as client:
        wait_until(lambda: client.state == "running", 10)
        server.kill()
        server.settings["TRAINING_PREWARM"] = "0"  # The next process would only cost time.
        server.start()
        assert server.run(run_id)["state"] == "running"
        program.resume()
        wait_until_over(client, 120)
        assert client.num_connects == 2
        assert_equals_files(client, server)

    reported = server.run(run_id)
    assert (reported["state"], reported["exit_code"]) == ("completed", 0), run.log.read_text()
    assert run.metrics.read_bytes() == completed.run.metrics.read_bytes()
    assert without_paths(run.log.read_text()) == without_paths(completed.log)
    assert server.get(f"/training/models/{run_id}/download").ok


@pytest.mark.slow
def test_an_unresponsive_prewarmed_process_is_killed_and_the_run_starts_cold(
    server: LiveServer, tiny: Path, squares: Path
) -> None:
    wait_until(lambda: prewarmed_mb(server), 120)
    program = prewarmed_process(server)
    keeper = program.parent()
    assert keeper is not None
    keeper.suspend()
    shutil.copy(tiny, server.configs_dir)
    run_id = server.start_run(tiny.name, **{f"{split}_data_dir": str(squares / split) for split in SPLITS})
    reported = server.run(run_id)
    assert reported["state"] == "running"
    assert reported["pid"] != program.pid
    wait_until(lambda: is_gone(keeper) and is_gone(program), 5)
