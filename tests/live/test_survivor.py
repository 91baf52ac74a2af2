"""A run without its lock files stays the active one. Clients can follow and stop it, but not start another."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from tests.conftest import on_eventlet
from tests.live.following import following
from tests.live.processes import is_gone, of_run, program_of, runner_of, start_and_wait, wait_until_none_left
from tests.servers import LiveServer
from tests.waiting import wait_until


@pytest.fixture
def server(eventlet_server: LiveServer) -> LiveServer:
    """Run the tests once: both servers use the same locks in the same way."""
    return eventlet_server


def delete_locks(server: LiveServer) -> None:
    """Delete all files of locks, as a user may at any time."""
    for path in (*server.runs_dir.parent.iterdir(), *(server.runs_dir.parent / "slots").iterdir()):
        if path.is_file():
            path.unlink(missing_ok=True)  # The service may just have renamed its temporary file.


def assert_is_active(server: LiveServer, run_id: str) -> None:
    status = server.get("/training/status").json()
    assert (status["status"], status["run_id"], status["state"]) == ("running", run_id, "running")
    assert server.run(run_id)["state"] == "running"
    refused = server.post("/training/start", {"config_name": "c.yaml"})
    assert (refused.status_code, refused.json()["run_id"]) == (409, run_id)
    assert server.delete(f"/training/models/{run_id}").status_code == 409
    assert [run["status"] for run in server.get("/training/metrics/runs").json()] == ["running"]


@on_eventlet
def test_a_run_without_lock_files_is_still_the_active_one(own_server: LiveServer) -> None:
    server = own_server
    run_id = start_and_wait(server, "wait_for_file.py", "/nonexistent", "--on-term", "143")
    with following(server) as client:
        delete_locks(server)
        assert_is_active(server, run_id)
        server.kill()  # The next server creates new lock files, which no process holds.
        server.start()
        assert_is_active(server, run_id)
        assert server.post("/training/stop").json() == {"status": "stopped", "run_id": run_id}
        assert server.run(run_id)["state"] == "stopped"
        wait_until(lambda: client.state == "stopped", 10)
    wait_until_none_left(server, run_id, 5)
    server.wait_for_state(server.start_run(server.write_command("e", "end_at_once.py")), "completed")


def test_deleting_the_lock_files_while_idle_has_no_effect(server: LiveServer) -> None:
    server.wait_for_state(server.start_run(server.write_command("e", "end_at_once.py")), "completed")
    delete_locks(server)
    assert server.get("/training/status").json()["status"] == "not_running"
    server.wait_for_state(server.start_run("e.yaml"), "completed")


def test_a_run_without_lock_files_and_runner_is_ended_and_interrupted(server: LiveServer) -> None:
    pid_file = server.home / "pid"
    run_id = start_and_wait(server, "spawn_grandchild.py", str(pid_file), "--setsid", "--close-fds")
    grandchild = psutil.Process(int(pid_file.read_text()))
    program = program_of(server, run_id)
    delete_locks(server)
    os.kill(runner_of(server, run_id).pid, signal.SIGKILL)
    wait_until(lambda: is_gone(program), 5)
    server.wait_for_state(run_id, "interrupted")
    wait_until(lambda: is_gone(grandchild), 5)
    assert of_run(server.runs_dir / run_id) == []
    server.wait_for_state(server.start_run(server.write_command("e", "end_at_once.py")), "completed")
