"""The lock that a run's processes hold, acquired and inspected by real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.runs.executors.local.lock import ActiveLock, SupervisorLock

ROOT = Path(__file__).resolve().parents[5]

TAKE = """
import sys, pathlib, types
sys.modules["app"] = types.ModuleType("app")  # The lock alone, without the service.
sys.modules["app"].__path__ = ["app"]
from app.runs.executors.local.lock import ActiveLock
taken = ActiveLock(pathlib.Path(sys.argv[1])).acquire(lambda: sys.argv[2])
print("taken" if taken else "held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path: Path) -> ActiveLock:
    return ActiveLock(tmp_path / "logs" / "active.lock")


def test_a_lock_never_taken_has_no_holder(lock: ActiveLock) -> None:
    assert lock.holder() is None
    assert lock.named() is None


def test_a_taken_lock_names_its_run_until_the_descriptor_is_closed(lock: ActiveLock) -> None:
    taken = lock.acquire(lambda: "run-1")
    assert taken is not None
    assert lock.holder() == "run-1"
    assert lock.acquire(lambda: pytest.fail("a held lock must not create a run")) is None
    os.close(taken[0])
    assert lock.holder() is None
    assert lock.named() == "run-1", "a follower must learn of a run that ended between two polls"


def test_a_shorter_name_replaces_a_longer_one(lock: ActiveLock) -> None:
    for name in ("a-very-long-run-id", "b"):
        descriptor, _ = lock.acquire(lambda name=name: name) or pytest.fail("the lock is free but was not acquired")
        assert lock.holder() == name
        os.close(descriptor)


def test_a_run_that_cannot_be_created_leaves_the_lock_free(lock: ActiveLock) -> None:
    def fail() -> str:
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        lock.acquire(fail)
    assert lock.holder() is None


def test_the_lock_lasts_as_long_as_the_process_that_inherited_it(lock: ActiveLock) -> None:
    descriptor, _ = lock.acquire(lambda: "run-1") or pytest.fail("the lock is free but was not acquired")
    heir = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(descriptor,))
    os.close(descriptor)
    assert lock.holder() == "run-1"
    heir.kill()
    heir.wait()
    assert lock.holder() is None
    assert heir.stdin is not None
    heir.stdin.close()


def test_an_inspection_never_makes_an_acquisition_fail(lock: ActiveLock) -> None:
    """An inspection takes the lock for an instant. A start at that moment must still succeed."""
    with ThreadPoolExecutor(4) as inspectors:
        inspections = [inspectors.submit(lambda: [lock.holder() for _ in range(2000)]) for _ in range(4)]
        for number in range(300):
            taken = lock.acquire(lambda number=number: str(number))
            assert taken is not None
            os.close(taken[0])
        seen = {name for inspection in inspections for name in inspection.result()}
    assert seen - {None} <= {str(number) for number in range(300)}


def test_exactly_one_of_many_processes_acquires_the_lock(lock: ActiveLock) -> None:
    takers = [
        subprocess.Popen(
            [sys.executable, "-c", TAKE, str(lock.path), f"run-{number}"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    answers = [taker.stdout.readline().strip() for taker in takers if taker.stdout]
    assert sorted(answers) == ["held"] * 7 + ["taken"]
    assert lock.holder() == f"run-{answers.index('taken')}"
    for taker in takers:
        taker.communicate("")
    assert lock.holder() is None


def test_only_one_supervisor_holds_the_lock(tmp_path: Path) -> None:
    first, second = SupervisorLock(tmp_path / "supervisor.lock"), SupervisorLock(tmp_path / "supervisor.lock")
    assert first.try_acquire()
    assert first.try_acquire()
    assert not second.try_acquire()
    first.release()
    assert second.try_acquire()
    second.release()
