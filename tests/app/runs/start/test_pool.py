"""The pool, which bounds the number of processes and the queue of callers that wait for one."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from app.runs.exceptions import Busy
from app.runs.start.pool import Pool
from tests.waiting import wait_until

LONG = 60


@pytest.fixture
def launched() -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes in the order of their start. Each lives until it is killed."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(20) as threads:
        yield threads


def launching(launched: list[subprocess.Popen[bytes]]) -> Callable[[], subprocess.Popen[bytes]]:
    def launch() -> subprocess.Popen[bytes]:
        launched.append(subprocess.Popen(["sleep", "1000"]))
        return launched[-1]

    return launch


def test_at_most_two_processes_run_at_a_time_and_the_others_wait_for_their_turn(
    launched: list[subprocess.Popen[bytes]], threads: ThreadPoolExecutor
) -> None:
    pool = Pool("x", size=2, max_waiting=10)
    waiting: list[Future[subprocess.Popen[bytes] | None]] = [
        threads.submit(pool.start, launching(launched), LONG) for _ in range(6)
    ]
    for number in range(2, 7):
        wait_until(lambda number=number: len(launched) == number, 10)
        assert sum(process.poll() is None for process in launched) == 2
        launched[number - 2].kill()
    assert {each.result(10) for each in waiting} == set(launched)


def test_a_full_queue_is_an_error_and_an_urgent_caller_is_next(
    launched: list[subprocess.Popen[bytes]], threads: ThreadPoolExecutor
) -> None:
    pool, launch = Pool("things are done", size=1, max_waiting=2), launching(launched)
    first = pool.start(launch, 0)
    assert first is not None
    assert pool.start(launch, 0) is None, "a caller waits no longer than its timeout"
    waiting = [threads.submit(pool.start, launch, LONG) for _ in range(2)]
    wait_until(lambda: pool.num_waiting == 2, 10)
    with pytest.raises(Busy, match=r"things are done.* 5 seconds"):
        pool.start(launch, LONG)
    urgent = threads.submit(pool.start, launch, LONG, is_urgent=True)
    wait_until(lambda: pool.num_waiting == 3, 10)
    assert launched == [first]
    first.kill()
    second = urgent.result(10)
    assert launched == [first, second]
    second.kill()
    wait_until(lambda: len(launched) == 3, 10)
    launched[2].kill()
    assert {each.result(10) for each in waiting} == set(launched[2:])


def test_a_failed_launch_takes_no_place(launched: list[subprocess.Popen[bytes]]) -> None:
    pool = Pool("x", size=1, max_waiting=1)
    for _ in range(3):
        with pytest.raises(OSError, match="No such file"):
            pool.start(lambda: subprocess.Popen(["/no/such program"]), LONG)
    assert pool.start(launching(launched), 0) is not None
