"""The prewarmed pair of processes before it is ready. tests/trainer/test_warm.py covers the rest of its life."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app.runs.executors.local.executor import LocalExecutor
from app.runs.executors.local.prewarm import Prewarm
from tests.app.runs.slots import hold, store_of
from tests.live.processes import kill_at_once
from tests.servers import ROOT
from tests.waiting import wait_until
from trainer.rundir import RunDir

MARK = "PREWARM_TESTED_IN"
Pair = Callable[[], set[int]]


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """A function that finds the living processes of the pairs that this test launched."""
    monkeypatch.setenv(MARK, str(tmp_path))

    def find() -> set[int]:
        return {process.pid for process in psutil.process_iter() if _is_marked(process, str(tmp_path))} - {os.getpid()}

    return find


@pytest.fixture
def prewarm() -> Iterator[Prewarm]:
    instance = Prewarm()
    yield instance
    instance.end()


def _is_marked(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def wait_for(pair: Pair) -> set[int]:
    wait_until(lambda: len(pair()) == 2, 10, pair)
    return pair()


def wait_for_none(pair: Pair) -> None:
    wait_until(lambda: not pair(), 10, pair)


def test_a_pair_that_is_not_ready_launches_nothing_and_is_ended(prewarm: Prewarm, pair: Pair, tmp_path: Path) -> None:
    prewarm.tend(is_wanted=True)
    wait_for(pair)
    with open(tmp_path / "lock", "wb") as lock:
        assert not prewarm.launch(RunDir(tmp_path), lock.fileno())
    wait_for_none(pair)


def test_no_pair_waits_while_a_run_is_active(prewarm: Prewarm, pair: Pair) -> None:
    prewarm.tend(is_wanted=True)
    wait_for(pair)
    prewarm.tend(is_wanted=False)
    prewarm.tend(is_wanted=False)
    wait_for_none(pair)


def test_a_pair_is_prepared_for_a_run_that_waits_for_a_slot(prewarm: Prewarm, pair: Pair, tmp_path: Path) -> None:
    store = store_of(tmp_path / "runs")
    executor = LocalExecutor(store.runs_dir, prewarm=prewarm)
    _, slot = hold(store)
    with open(slot):
        executor.tend([], expects_our_trainer=True)
        wait_for(pair)
        executor.tend([])  # Somebody has cancelled the run.
        wait_for_none(pair)


def test_a_pair_that_ended_by_itself_is_not_replaced_before_the_next_start(
    prewarm: Prewarm, pair: Pair, tmp_path: Path
) -> None:
    prewarm.tend(is_wanted=True)
    kill_at_once(*wait_for(pair))
    wait_for_none(pair)
    prewarm.tend(is_wanted=True)
    prewarm.tend(is_wanted=True)
    assert not pair()
    assert not prewarm.launch(RunDir(tmp_path), 0)
    prewarm.tend(is_wanted=True)
    wait_for(pair)


def test_a_newly_installed_package_replaces_the_pair(
    prewarm: Prewarm, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    prewarm.tend(is_wanted=True)
    before = wait_for(pair)
    (tmp_path / "package.py").touch()
    prewarm.tend(is_wanted=True)
    wait_until(lambda: len(pair()) == 2 and not pair() & before, 10, pair)


def test_the_pair_ends_when_its_service_is_killed(pair: Pair) -> None:
    serve = (
        "import signal; from app.runs.executors.local.prewarm import Prewarm; "
        "p = Prewarm(); p.tend(is_wanted=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", serve], cwd=ROOT) as service:
        try:
            wait_until(lambda: len(pair()) == 3, 10, pair)
        finally:
            service.kill()
    wait_for_none(pair)
