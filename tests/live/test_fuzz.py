"""Fuzz the sockets. Sessions must leak no resources and must not disturb other clients."""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tests.live.files import assert_equals_files, wait_until_over
from tests.live.following import following
from tests.live.fuzz import FuzzedSession
from tests.servers import LiveServer
from tests.waiting import wait_until

NUM_SESSIONS = 250
NUM_THREADS = 8
MEGABYTE = 10**6


def processes_of(server: LiveServer) -> list[psutil.Process]:
    assert server.process is not None
    service = psutil.Process(server.process.pid)
    return [service, *service.children()]


def num_descriptors(server: LiveServer) -> int:
    return sum(process.num_fds() for process in processes_of(server))


def num_threads(server: LiveServer) -> int:
    return sum(process.num_threads() for process in processes_of(server))


def memory(server: LiveServer) -> int:
    return sum(process.memory_info().rss for process in processes_of(server))


@pytest.mark.slow
def test_random_sessions_leak_nothing_and_do_not_disturb_a_follower(own_server: LiveServer) -> None:
    seed = os.environ.get("FUZZ_SEED") or str(random.randrange(10**9))
    print(f"FUZZ_SEED={seed}")  # Pytest shows it on failure. The same seed reproduces the sessions.
    server = own_server
    with ThreadPoolExecutor(NUM_THREADS) as threads:
        list(threads.map(lambda number: FuzzedSession(server, f"{seed}-warm-{number}").run(), range(60)))
        before = num_descriptors(server), num_threads(server), memory(server)
        config = server.write_command("m", "write_metrics.py", "{run_dir}", "--rows", "200", "--pause", "0.02")
        with following(server) as client:
            server.start_run(config)
            sessions = [threads.submit(FuzzedSession(server, f"{seed}-{number}").run) for number in range(NUM_SESSIONS)]
            for number, session in enumerate(sessions):
                assert number % 10 or server.get("/training/status").ok
                session.result()
            wait_until_over(client, 60)
            assert_equals_files(client, server)
            assert client.violations == []
    wait_until(lambda: num_descriptors(server) <= before[0] + 5, 20, lambda: (before, num_descriptors(server)))
    wait_until(lambda: num_threads(server) <= before[1] + 40, 20, lambda: (before, num_threads(server)))
    assert memory(server) - before[2] < 40 * MEGABYTE
    assert server.log_path.read_text().count("\n") < 500, "the log must not repeat offences"
