"""A restart of the server disturbs neither the training nor its followers."""

from __future__ import annotations

import signal
from itertools import product
from pathlib import Path

import psutil
import pytest

from tests.live.files import assert_equals_files, log_of, rest_rows, rows_of, wait_until_over
from tests.live.following import following
from tests.live.processes import (
    is_gone,
    kill_at_once,
    open_gates,
    program_of,
    runner_of,
    wait_for_log,
    wait_until_none_left,
)
from tests.servers import KINDS, LiveServer
from tests.waiting import wait_until

RIGHT_WITHIN_S = 2.0


@pytest.fixture
def server(own_server: LiveServer) -> LiveServer:
    """A server that the test may kill."""
    return own_server


def end_server(server: LiveServer, number: signal.Signals) -> None:
    """Send the signal and return once the server has exited, or on HUP gunicorn's old workers."""
    assert server.process is not None
    if number == signal.SIGKILL:
        server.kill()
    elif number == signal.SIGHUP and server.kind == "gunicorn":
        workers = psutil.Process(server.process.pid).children()
        server.signal(number)
        wait_until(lambda: all(map(is_gone, workers)), 15)
    else:
        server.signal(number)
        server.process.wait(15)


def is_up(server: LiveServer) -> bool:
    return server.process is not None and server.process.poll() is None


def num_rows(run_path: Path) -> int:
    return len(rows_of(run_path))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stopped_server", "number"),
    [*product(KINDS, (signal.SIGKILL, signal.SIGTERM)), ("gunicorn", signal.SIGHUP)],
    indirect=["stopped_server"],
)
def test_a_run_and_its_follower_survive_the_server(server: LiveServer, number: signal.Signals) -> None:
    columns = ("--new-column-at", "15", "60", "250")
    config = server.write_command(
        "m", "write_metrics.py", "{run_dir}", "--rows", "500", "--pause", "0.005", "--gates", *columns
    )
    with following(server) as client:
        run_id = server.start_run(config)
        run_path = server.runs_dir / run_id
        open_gates(run_path, "60")
        program = program_of(server, run_id)
        wait_until(lambda: len(client.rows) > 50, 20)
        step_before = server.get("/training/status").json()["progress"]["step"]
        end_server(server, number)
        open_gates(run_path, "400")
        if not is_up(server):
            rows_before = num_rows(run_path)
            wait_until(lambda: num_rows(run_path) > rows_before + 20, 20)
            server.start()

        def is_right() -> bool:
            status = server.get("/training/status").json()
            size = (run_path / "train.log").stat().st_size
            rows_now = rows_of(run_path)
            return (
                (status["status"], status["state"], status["running"]) == ("running", "running", True)
                and (status["run_id"], status["pid"], status["config_name"]) == (run_id, program.pid, config)
                and status["progress"]["step"] > step_before
                and rest_rows(server, run_id)[: len(rows_now)] == rows_now
                and server.get(f"/training/runs/{run_id}/log").json()["next_offset"] >= size
            )

        wait_until(is_right, RIGHT_WITHIN_S, lambda: server.get("/training/status").json())
        assert program.is_running()
        rows_now = num_rows(run_path)
        wait_until(
            lambda: len(client.rows) >= rows_now, RIGHT_WITHIN_S, lambda: (client.num_connects, len(client.rows))
        )
        open_gates(run_path, "inf")
        wait_until_over(client)
        assert client.state == "completed"
        assert client.num_connects == 2
        assert_equals_files(client, server)
        assert client.has_ended_last
    assert log_of(run_path) == server.get(f"/training/runs/{run_id}/log").json()["text"]


@pytest.mark.parametrize(
    ("stopped_server", "exit_code", "state", "reason"),
    [("eventlet", 0, "completed", None), ("gunicorn", 3, "failed", "exit code 3")],
    indirect=["stopped_server"],
)
def test_the_restarted_server_reports_a_run_that_ended_meanwhile(
    server: LiveServer, exit_code: int, state: str, reason: str | None
) -> None:
    go = server.home / "go"
    config = server.write_command("w", "exit_when_told.py", str(go), str(exit_code))
    with following(server) as client:
        run_id = server.start_run(config)
        wait_for_log(server, run_id, "ready")
        wait_until(lambda: client.state == "running", 10)
        server.kill()
        go.touch()
        wait_until_none_left(server, run_id, 10)
        server.start()
        last = server.get("/training/status").json()
        assert (last["status"], last["pid"]) == ("not_running", None)
        assert last["last_run"] == {"run_id": run_id, "state": state, "reason": reason}
        wait_until(lambda: client.state == state, RIGHT_WITHIN_S, lambda: client.run)
        assert client.run is not None
        assert (client.run["reason"], client.run["exit_code"]) == (reason, exit_code)
        assert client.log == log_of(server.runs_dir / run_id) == "ready\nend\n"


def test_kill_9_of_all_processes_at_once_interrupts_the_run(server: LiveServer) -> None:
    config = server.write_command("m", "write_metrics.py", "{run_dir}", "--rows", "100000", "--pause", "0.005")
    run_id = server.start_run(config)
    wait_until(lambda: server.get("/training/status").json()["progress"], 20)
    program, runner = program_of(server, run_id), runner_of(server, run_id)
    kill_at_once(runner.pid, program.pid)
    server.kill()
    wait_until_none_left(server, run_id, 5)
    server.start()
    status = server.get("/training/status").json()
    assert (status["status"], status["pid"], status["last_run"]["state"]) == ("not_running", None, "interrupted")
    assert "power loss" in status["last_run"]["reason"]
    with following(server, run_id) as client:
        wait_until_over(client)
        assert_equals_files(client, server)
    next_run_id = server.start_run(server.write_command("e", "end_at_once.py"))
    server.wait_for_state(next_run_id, "completed")


def test_the_next_server_ends_the_processes_of_a_killed_runner(server: LiveServer) -> None:
    pid_file = server.home / "pid"
    run_id = server.start_run(server.write_command("g", "spawn_grandchild.py", str(pid_file), "--setsid"))
    wait_for_log(server, run_id, "ready")
    grandchild = psutil.Process(int(pid_file.read_text()))
    runner = runner_of(server, run_id)
    server.kill()
    runner.kill()
    wait_until(lambda: is_gone(runner), 5)
    assert not is_gone(grandchild), "the grandchild must outlive the runner, or this test proves nothing"
    server.start()
    wait_until(lambda: is_gone(grandchild), 5)
    server.wait_for_state(run_id, "interrupted")
