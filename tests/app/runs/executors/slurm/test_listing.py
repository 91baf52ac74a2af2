"""The list of jobs, from a squeue of our own."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.runs.executors.slurm.commands import Commands
from app.runs.executors.slurm.job import Job
from app.runs.executors.slurm.listing import Listings
from tests.waiting import wait_until


class Squeue:
    """A command that prints what the test wants."""

    def __init__(self, folder: Path, answers_within_s: float = 20) -> None:
        self._program = folder / "squeue"
        commands = Commands({"PATH": f"{folder}:{os.environ['PATH']}"})
        self.listings = Listings(commands, every_s=0, answers_within_s=answers_within_s)

    def does(self, script: str) -> None:
        self._program.write_text(f"#!/bin/sh\n{script}\n")
        self._program.chmod(0o755)

    def ask(self) -> None:
        """Return when the inquiry after the next has been answered."""
        for _ in range(2):
            self.listings.wait()


@pytest.fixture
def squeue(tmp_path: Path) -> Iterator[Squeue]:
    made = Squeue(tmp_path)
    yield made
    made.listings.close()


def test_jobs_are_listed_by_the_folder_in_which_they_work(squeue: Squeue) -> None:
    squeue.does("echo '7|RUNNING|n1|1:00|None|/runs/a'; echo '8|PENDING||5:00|Resources|/runs/b|c'; echo nonsense")
    squeue.ask()
    assert squeue.listings.last.jobs == {
        "/runs/a": Job("7", "RUNNING", "n1", "1:00", None, "/runs/a"),
        "/runs/b|c": Job("8", "PENDING", None, "5:00", "Resources", "/runs/b|c"),
    }


@pytest.mark.parametrize("states", [("FAILED", "RUNNING"), ("RUNNING", "FAILED")])
def test_of_two_jobs_in_one_folder_the_one_counts_that_has_not_ended(squeue: Squeue, states: tuple[str, str]) -> None:
    squeue.does("; ".join(f"echo '{number}|{state}|n1|1:00|None|/a'" for number, state in enumerate(states)))
    squeue.ask()
    assert squeue.listings.last.jobs["/a"].state == "RUNNING"


def test_a_failure_keeps_the_last_answer_and_the_time_of_the_first_failure(squeue: Squeue) -> None:
    squeue.does("echo '7|RUNNING|n1|1:00|None|/runs/a'")
    squeue.ask()
    squeue.does("echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1")
    squeue.ask()
    since = squeue.listings.unreachable_since
    assert since is not None
    squeue.ask()
    assert squeue.listings.unreachable_since == since
    assert "Unable to contact" in str(squeue.listings.problem)
    assert squeue.listings.last.jobs
    squeue.does("true")
    squeue.ask()
    assert (squeue.listings.unreachable_since, squeue.listings.problem, squeue.listings.last.jobs) == (None, None, {})


def test_nobody_waits_for_an_answer_that_does_not_come(tmp_path: Path) -> None:
    squeue = Squeue(tmp_path, answers_within_s=0.2)
    squeue.does("exec sleep 60")
    began = time.monotonic()
    squeue.listings.advance()
    assert time.monotonic() - began < 5
    wait_until(lambda: squeue.listings.advance() or squeue.listings.unreachable_since, 10)
    squeue.listings.close()


def test_slurm_is_asked_seldom_while_no_run_may_live(squeue: Squeue, tmp_path: Path) -> None:
    squeue.does(f"echo asked >> {tmp_path}/asked")
    listings = squeue.listings
    wait_until(lambda: listings.advance(is_idle=True) or listings.last.begun_at > 0, 10)
    listings.advance(is_idle=True)
    listings.close()
    assert (tmp_path / "asked").read_text() == "asked\n"
    listings.advance()
    wait_until(lambda: (tmp_path / "asked").read_text() == "asked\nasked\n", 10)


def test_a_command_that_does_not_exist_is_a_problem(tmp_path: Path) -> None:
    listings = Listings(Commands({"PATH": str(tmp_path)}))
    listings.wait()
    assert "cannot execute squeue" in str(listings.problem)
