"""Several processes share the runs: gunicorn's workers, or two services. All allow one run and report the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.app.answers import problem
from tests.conftest import end
from tests.live.files import assert_equals_files, wait_until_over
from tests.live.following import following
from tests.live.processes import is_gone, program_of, runner_of, wait_for_log
from tests.servers import KINDS, ROOT, LiveServer
from tests.waiting import wait_until


@pytest.fixture
def two_workers(tmp_path: Path) -> Iterator[LiveServer]:
    server = LiveServer(tmp_path, "gunicorn", workers=2).start()
    yield server
    end(server)


def workers_of(server: LiveServer) -> list[psutil.Process]:
    assert server.process is not None
    return [child for child in psutil.Process(server.process.pid).children() if not is_gone(child)]


def supervisors_of(server: LiveServer) -> list[psutil.Process]:
    """Return the workers that hold supervisor.lock according to the kernel."""
    lock = server.runs_dir.parent / "supervisor.lock"
    found = []
    for worker in workers_of(server):
        for descriptor in Path(f"/proc/{worker.pid}/fd").iterdir():
            try:
                fdinfo = Path(f"/proc/{worker.pid}/fdinfo/{descriptor.name}").read_text()
                if descriptor.resolve() == lock and "FLOCK" in fdinfo:
                    found.append(worker)
            except OSError:
                continue
    return found


def usage_of(server: LiveServer, run_id: str) -> list[float]:
    """Return the times of the rows of usage.csv."""
    answer = server.get(f"/training/runs/{run_id}/usage")
    return list(answer.json()["times"]) if answer.ok else []


def burst(server: LiveServer) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Send 100 simultaneous starts. Return the bodies of those that were accepted and refused."""
    config = server.write_command("w", "wait_for_file.py", str(server.home / "end"))
    go = server.home / "go"
    program = str(ROOT / "tests" / "programs" / "start_burst.py")
    argv = [sys.executable, program, server.url, config, "25", str(go)]
    bursts = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for burst in bursts:
        assert burst.stdout is not None
        assert burst.stdout.readline() == "ready\n"
    go.touch()
    answers = [answer for burst in bursts for answer in json.loads(burst.communicate(timeout=60)[0])]
    started, refused = ([body for code, body in answers if code == expected] for expected in (200, 409))
    assert len(started) + len(refused) == len(answers) == 100
    return started, refused


def test_100_simultaneous_starts_give_one_run(two_workers: LiveServer) -> None:
    server = two_workers
    started, refused = burst(server)
    assert (len(started), len(refused)) == (1, 99)
    run_id = started[0]["run_id"]
    assert [path.name for path in server.runs_dir.iterdir()] == [run_id]
    assert {body["run_id"] for body in refused} == {run_id}
    assert {body["status"] for body in refused} == {"running"}
    assert {body["pid"] for body in refused} <= {None, started[0]["pid"]}
    assert program_of(server, run_id).pid == started[0]["pid"]
    assert server.post("/training/stop").json() == {"status": "stopped", "run_id": run_id}


def test_100_simultaneous_starts_on_three_slots_give_three_runs(tmp_path: Path) -> None:
    server = LiveServer(tmp_path, "gunicorn", workers=2, TRAINING_MAX_ACTIVE="3").start()
    try:
        started, refused = burst(server)
        assert (len(started), len(refused)) == (3, 97)
        ids = {body["run_id"] for body in started}
        assert {path.name for path in server.runs_dir.iterdir()} == ids
        assert {body["run_id"] for body in refused} <= ids
        status = server.get("/training/status").json()
        assert {run["run_id"] for run in status["active"]} == ids
        assert status["run_id"] == status["active"][0]["run_id"]
        refusal = server.post("/training/stop")
        assert refusal.status_code == 409
        assert all(run_id in refusal.json()["message"] for run_id in ids)
        for run_id in ids:
            assert server.post("/training/stop", {"run_id": run_id}).json() == {"status": "stopped", "run_id": run_id}
    finally:
        end(server)


def test_every_worker_answers_and_one_ends_orphans(two_workers: LiveServer) -> None:
    server = two_workers
    run_id = server.start_run(server.write_command("w", "wait_for_file.py", "/nonexistent"))
    wait_for_log(server, run_id, "ready")
    wait_until(lambda: len(supervisors_of(server)) == 1, 10)
    first = supervisors_of(server)[0]
    wait_until(lambda: len(usage_of(server, run_id)) >= 2, 15)
    answers = [server.get("/training/status").json() for _ in range(40)]
    assert all(answer == answers[0] for answer in answers)
    assert (answers[0]["status"], answers[0]["run_id"]) == ("running", run_id)

    first.kill()
    wait_until(lambda: is_gone(first), 10)
    before = usage_of(server, run_id)
    wait_until(lambda: supervisors_of(server), 10)
    assert len(supervisors_of(server)) == 1
    wait_until(lambda: len(workers_of(server)) == 2, 20)
    assert supervisors_of(server)[0] != first
    assert server.get("/training/status").json()["run_id"] == run_id
    # The new supervisor goes on with the usage.
    wait_until(lambda: len(usage_of(server, run_id)) > len(before), 15)
    after = usage_of(server, run_id)
    assert after[: len(before)] == before
    assert after == sorted(set(after))
    # The new supervisor also ends the processes of a killed runner.
    program, runner = program_of(server, run_id), runner_of(server, run_id)
    runner.kill()
    wait_until(lambda: is_gone(program), 5)
    server.wait_for_state(run_id, "interrupted", timeout_s=5)


def test_viewers_of_a_killed_worker_miss_nothing_and_get_nothing_twice(two_workers: LiveServer) -> None:
    server = two_workers
    config = server.write_command("rows", "write_metrics.py", "{run_dir}", "--rows", "60", "--gates")
    for method in ("GET", "POST"):  # The page asks with POST why it gets no socket.
        refused = requests.request(method, f"{server.url}/socket.io/?EIO=4&transport=polling", timeout=60)
        assert "WebSocket" in problem(refused, 503)["message"]
    with ExitStack() as stack:
        clients, workers = [], workers_of(server)
        for suspended in workers:  # The other worker accepts the clients meanwhile.
            suspended.suspend()
            clients += [stack.enter_context(following(server)) for _ in range(10)]
            suspended.resume()
        assert all(sockets_of(worker, server.port) for worker in workers)
        run_id = server.start_run(config)
        gate = server.runs_dir / run_id / "output" / "go"
        wait_until(lambda: program_of(server, run_id), 20)
        wait_until(gate.parent.exists, 20)
        gate.write_text("20")
        for client in clients:
            wait_until(lambda client=client: len(client.rows) == 20, 20)  # type: ignore[misc]
        workers[0].kill()
        gate.write_text("60")
        for client in clients:
            wait_until_over(client)
            assert_equals_files(client, server)
            assert client.violations == []
        num_rows = [sum(len(rows_in(event)) for event in client.events) for client in clients]
        assert num_rows == [60] * 20, "every row came exactly once"
        num_connects = [client.num_connects for client in clients]
        assert min(num_connects) == 1 < max(num_connects), "only the viewers of the killed worker reconnect"


def rows_in(event: tuple[str, dict[str, Any]]) -> list[Any]:
    name, payload = event
    return list(payload["rows"]) if name in ("ack", "metrics") else []


def sockets_of(worker: psutil.Process, port: int) -> int:
    return sum(found.laddr.port == port for found in worker.net_connections() if found.status == "ESTABLISHED")


def test_a_second_service_on_the_same_runs_reports_the_same(tmp_path: Path) -> None:
    """For example, one service serves the network with a token and another one loopback without."""
    first, second = (LiveServer(tmp_path, kind) for kind in KINDS)
    second.log_path = tmp_path / "second.log"
    try:
        first.start()
        second.start()
        with following(first) as one, following(second) as other:
            run_id = second.start_run(first.write_command("rows", "write_metrics.py", "{run_dir}", "--rows", "30"))
            for client in (one, other):
                wait_until(lambda client=client: client.state == "completed", 20, lambda client=client: client.run)  # type: ignore[misc]
                assert (client.run_id, len(client.rows), client.violations) == (run_id, 30, [])
    finally:
        end(first)
        end(second)


def test_gunicorn_refuses_to_start_with_too_few_threads(tmp_path: Path) -> None:
    server = LiveServer(tmp_path, "gunicorn", TRAINING_MAX_SOCKETS="50")
    argv = ["-m", "gunicorn", "-c", "gunicorn.conf.py", "--threads", "8", "wsgi:app"]
    done = subprocess.run(
        [sys.executable, *argv], cwd=ROOT, env=server.environment(), capture_output=True, text=True, timeout=30
    )
    assert done.returncode != 0
    assert "TRAINING_MAX_SOCKETS" in done.stderr
