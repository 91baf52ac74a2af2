"""What stops the service at its start, with commands of our own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.runs.executors.slurm.commands import Commands, SlurmAway, SlurmError
from app.runs.executors.slurm.startup import check


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    for name in ("squeue", "sbatch"):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\ncat {tmp_path}/{name}.says >&2 && exit 1\nexit 0\n")
        program.chmod(0o755)
    return Commands({"PATH": f"{tmp_path}:{os.environ['PATH']}"})


@pytest.mark.parametrize(
    ("command", "says", "problem"),
    [
        (
            "squeue",
            "squeue: error: DNS SRV lookup failed\nsqueue: fatal: Could not establish a configuration source",
            "Could not establish a configuration source",
        ),
        (
            "sbatch",
            "sbatch: error: invalid partition specified: nope\nallocation failure: x",
            "invalid partition specified: nope",
        ),
        ("sbatch", "sbatch: unrecognized option '--foo'\nTry \"sbatch --help\"", "unrecognized option '--foo'"),
    ],
)
def test_what_cannot_work_stops_the_start(
    commands: Commands, tmp_path: Path, command: str, says: str, problem: str
) -> None:
    (tmp_path / f"{command}.says").write_text(says)
    with pytest.raises(SlurmError, match=problem):
        check(commands, [], tmp_path)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("squeue", "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"),
        ("sbatch", "allocation failure: Requested node configuration is not available"),
    ],
)
def test_what_may_work_in_a_minute_is_a_warning(
    commands: Commands, tmp_path: Path, caplog: pytest.LogCaptureFixture, command: str, says: str
) -> None:
    (tmp_path / f"{command}.says").write_text(says)
    check(commands, [], tmp_path)
    assert says in caplog.text


def test_a_cluster_that_takes_runs_is_silent(
    commands: Commands, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    check(commands, ["--partition=gpu"], tmp_path)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("says", "kind"),
    [
        ("sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)", SlurmAway),
        ("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation", SlurmAway),
        ("sbatch: error: Batch job submission failed: Requested node configuration is not available", SlurmError),
    ],
)
def test_only_a_controller_that_is_away_lets_a_queued_run_wait(
    commands: Commands, tmp_path: Path, says: str, kind: type[SlurmError]
) -> None:
    (tmp_path / "sbatch.says").write_text(says)
    with pytest.raises(SlurmError) as failed:
        commands.run(["sbatch"])
    assert type(failed.value) is kind
