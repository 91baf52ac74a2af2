"""gunicorn with two workers: one run at a time, one publisher, REST from any worker, sockets refused with a reason."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.conftest import end
from tests.live.processes import is_gone, program_of, runner_of, wait_for_log
from tests.servers import ROOT, LiveServer
from tests.waiting import wait_until


@pytest.fixture
def two_workers(tmp_path: Path) -> Iterator[LiveServer]:
    server = LiveServer(tmp_path, "gunicorn", workers=2).start()
    yield server
    end(server)


def workers_of(server: LiveServer) -> list[psutil.Process]:
    assert server.process is not None
    return [child for child in psutil.Process(server.process.pid).children() if not is_gone(child)]


def publishers_of(server: LiveServer) -> list[psutil.Process]:
    """Who holds supervisor.lock, by what the kernel says."""
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


def test_100_simultaneous_starts_give_one_run(two_workers: LiveServer) -> None:
    server = two_workers
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
    assert len(answers) == 100
    started = [body for code, body in answers if code == 200]
    refused = [body for code, body in answers if code == 409]
    assert (len(started), len(refused)) == (1, 99)
    run_id = started[0]["run_id"]
    assert [path.name for path in server.runs_dir.iterdir()] == [run_id]
    assert {body["run_id"] for body in refused} == {run_id}
    assert {body["status"] for body in refused} == {"running"}
    assert {body["pid"] for body in refused} <= {None, started[0]["pid"]}
    assert program_of(server, run_id).pid == started[0]["pid"]
    assert server.post("/training/stop").json() == {"status": "stopped", "run_id": run_id}


def test_any_worker_answers_and_one_publishes(two_workers: LiveServer) -> None:
    server = two_workers
    run_id = server.start_run(server.write_command("w", "wait_for_file.py", "/nonexistent"))
    wait_for_log(server, run_id, "ready")
    wait_until(lambda: len(publishers_of(server)) == 1, 10)
    first = publishers_of(server)[0]
    answers = [server.get("/training/status").json() for _ in range(40)]
    assert all(answer == answers[0] for answer in answers)
    assert (answers[0]["status"], answers[0]["run_id"]) == ("running", run_id)

    first.kill()
    wait_until(lambda: is_gone(first), 10)
    wait_until(lambda: publishers_of(server), 10)
    assert len(publishers_of(server)) == 1
    wait_until(lambda: len(workers_of(server)) == 2, 20)
    assert publishers_of(server)[0] != first
    assert server.get("/training/status").json()["run_id"] == run_id
    # Whoever publishes now also ends what a killed runner leaves.
    program, runner = program_of(server, run_id), runner_of(server, run_id)
    runner.kill()
    wait_until(lambda: is_gone(program), 5)
    server.wait_for_state(run_id, "interrupted", timeout_s=5)


def test_sockets_are_refused_with_the_reason(two_workers: LiveServer) -> None:
    for transport in ("polling", "websocket"):
        answer = requests.get(f"{two_workers.url}/socket.io/?EIO=4&transport={transport}", timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (503, 503)
        assert "-w 1" in answer.json()["message"]
    assert two_workers.get("/training/status").ok


def test_too_few_threads_are_refused_at_the_start(tmp_path: Path) -> None:
    server = LiveServer(tmp_path, "gunicorn", TRAINING_MAX_SOCKETS="50")
    argv = ["-m", "gunicorn", "-c", "gunicorn.conf.py", "--threads", "8", "wsgi:app"]
    done = subprocess.run(
        [sys.executable, *argv], cwd=ROOT, env=server.environment(), capture_output=True, text=True, timeout=30
    )
    assert done.returncode != 0
    assert "TRAINING_MAX_SOCKETS" in done.stderr
