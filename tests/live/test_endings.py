"""Every way a training can end. The state and reason are right, no process remains, and the next start works."""

from __future__ import annotations

import json
import signal

import psutil
import pytest

from tests.conftest import on_eventlet
from tests.live.files import log_of, wait_until_over
from tests.live.following import following
from tests.live.processes import is_gone, program_of, runner_of, wait_for_log, wait_until_none_left
from tests.servers import LiveServer
from tests.waiting import wait_until

MEGABYTE = 10**6


@pytest.fixture
def server(eventlet_server: LiveServer) -> LiveServer:
    """Run the tests once: the service starts, watches and ends programs in the same way on both servers."""
    return eventlet_server


def assert_next_start_works(server: LiveServer) -> None:
    status = server.get("/training/status").json()
    assert (status["status"], status["running"], status["run_id"], status["pid"]) == ("not_running", False, None, None)
    run_id = server.start_run(server.write_command("next", "end_at_once.py"))
    server.wait_for_state(run_id, "completed")


@pytest.mark.parametrize(
    ("argv", "state", "reason", "exit_code"),
    [
        (["end_at_once.py"], "completed", None, 0),
        (["exit_with.py", "3"], "failed", "exit code 3", 3),
        (["raise_error.py", "ValueError", "7 classes, 6 names"], "failed", "ValueError: 7 classes, 6 names", 1),
        (["exit_with.py", "2", "--say", "error: no such class"], "failed", "no such class", 2),
        (["invalid_utf8.py"], "completed", None, 0),
    ],
)
def test_a_program_that_exits(
    server: LiveServer, argv: list[str], state: str, reason: str | None, exit_code: int
) -> None:
    with following(server) as client:
        run_id = server.start_run(server.write_command("c", *argv))
        run = server.wait_for_state(run_id, "completed", "failed")
        assert (run["state"], run["reason"], run["exit_code"], run["signal"]) == (state, reason, exit_code, None)
        assert run["ended_at"] >= run["started_at"]
        wait_until_over(client)
        assert client.run is not None
        assert (client.run["state"], client.run["reason"]) == (state, reason)
        assert client.violations == []
        assert client.log == log_of(server.runs_dir / run_id)
        assert client.has_ended_last
    assert server.get(f"/training/runs/{run_id}/log").json()["text"] == log_of(server.runs_dir / run_id)
    wait_until_none_left(server, run_id, 5)
    assert_next_start_works(server)


def test_kill_9_of_the_program(server: LiveServer) -> None:
    run_id = server.start_run(server.write_command("w", "wait_for_file.py", "/nonexistent"))
    wait_for_log(server, run_id, "ready")
    program_of(server, run_id).kill()
    run = server.wait_for_state(run_id, "failed", timeout_s=2)
    assert (run["reason"], run["exit_code"], run["signal"]) == ("killed by SIGKILL", -9, "SIGKILL")
    wait_until_none_left(server, run_id, 5)
    assert_next_start_works(server)


@pytest.mark.parametrize("leaves", [None, [], ["--setsid"], ["--setsid", "--close-fds"], ["--close-fds"]])
def test_kill_9_of_the_runner_leaves_no_process(server: LiveServer, leaves: list[str] | None) -> None:
    pid_file = server.home / "pid"
    argv = ["ignore_sigterm.py"] if leaves is None else ["spawn_grandchild.py", str(pid_file), *leaves]
    run_id = server.start_run(server.write_command("c", *argv))
    wait_for_log(server, run_id, "ready")
    family = runner_of(server, run_id).children(recursive=True)
    assert len(family) == (1 if leaves is None else 2)
    runner_of(server, run_id).kill()
    wait_until(lambda: all(map(is_gone, family)), 5, lambda: family)
    run = server.wait_for_state(run_id, "interrupted", timeout_s=5)
    assert "gone" in run["reason"]
    assert_next_start_works(server)


@pytest.mark.parametrize("is_stopped", [True, False])
@pytest.mark.parametrize("leaves", [[], ["--setsid"], ["--setsid", "--close-fds", "--clean-environment"]])
def test_grandchildren_end_with_the_program(server: LiveServer, leaves: list[str], is_stopped: bool) -> None:
    pid_file = server.home / "pid"
    end = [] if is_stopped else ["--exit", "3"]
    argv = ("spawn_grandchild.py", str(pid_file), *leaves, *end)
    run_id = server.start_run(server.write_command("c", *argv, more="stop: {grace_s: 0.5}"))
    wait_for_log(server, run_id, "ready")
    grandchild = int(pid_file.read_text())
    if is_stopped:
        assert server.post("/training/stop").json() == {"status": "stopped", "run_id": run_id}
        assert not psutil.pid_exists(grandchild), "a stop answers only after every process has ended"
    run = server.wait_for_state(run_id, "stopped", "failed")
    assert run["state"] == ("stopped" if is_stopped else "failed")
    assert ("within 0.5 s" if is_stopped else "exit code 3") in run["reason"]
    assert not psutil.pid_exists(grandchild)
    assert_next_start_works(server)


def test_a_program_that_the_kernel_cannot_execute(server: LiveServer) -> None:
    """The checks before a start answer 422. This fault shows only at execution."""
    garbage = server.home / "garbage"
    garbage.write_bytes(b"\x7fELF and nothing more")
    garbage.chmod(0o755)
    (server.configs_dir / "c.yaml").write_text(json.dumps({"command": {"argv": [str(garbage)]}}))
    answer = server.post("/training/start", {"config_name": "c.yaml"})
    body = answer.json()
    assert (answer.status_code, body["code"], body["errors"]) == (500, 500, {}), body
    assert body["status"] == f"error: {body['message']}"
    assert "Exec format error" in body["message"]
    listed = server.get("/training/metrics/runs").json()[0]
    assert (listed["run_id"], listed["status"]) == (body["run_id"], "failed")
    assert server.run(body["run_id"])["reason"] == body["message"]
    assert_next_start_works(server)


@pytest.mark.slow
@on_eventlet
def test_50_megabytes_without_a_newline_cost_bounded_memory(own_server: LiveServer) -> None:
    assert own_server.process is not None
    go = own_server.home / "go"
    config = own_server.write_command("f", "flood.py", "50", str(go))
    with following(own_server) as client:
        service = psutil.Process(own_server.process.pid)
        processes = [service, *service.children()]
        before = sum(process.memory_info().rss for process in processes)
        run_id = own_server.start_run(config)
        log = own_server.runs_dir / run_id / "train.log"
        wait_until(lambda: log.exists() and log.stat().st_size == 50 * MEGABYTE, 60)
        peak = before

        def has_all() -> bool:
            nonlocal peak
            peak = max(peak, sum(process.memory_info().rss for process in processes))
            return client.log_offset == 50 * MEGABYTE

        wait_until(has_all, 60, lambda: (client.log_offset, client.num_gaps))
        assert peak - before < 64 * MEGABYTE, "a follower gets 1 MiB at a time, so memory stays at a few times that"
        assert runner_of(own_server, run_id).memory_info().rss < 25 * MEGABYTE
        tail = own_server.get(f"/training/runs/{run_id}/log", params={"offset": -10, "limit": 100}).json()
        assert (tail["text"], tail["size"], tail["next_offset"]) == ("x" * 10, 50 * MEGABYTE, 50 * MEGABYTE)
        go.touch()
        own_server.wait_for_state(run_id, "completed")
        wait_until_over(client)
        assert client.violations == []
        assert client.log == "x" * 50 * MEGABYTE


def test_sigterm_to_the_runner_without_a_request_is_not_a_stop(server: LiveServer) -> None:
    """A machine that shuts down signals every process. No user requested a stop."""
    run_id = server.start_run(server.write_command("w", "wait_for_file.py", "/nonexistent", "--on-term", "0"))
    wait_for_log(server, run_id, "ready")
    runner_of(server, run_id).send_signal(signal.SIGTERM)
    run = server.wait_for_state(run_id, "interrupted", timeout_s=10)
    assert "SIGTERM" in run["reason"]
    wait_until_none_left(server, run_id, 5)
    assert_next_start_works(server)


def test_sigterm_to_the_program_is_not_a_stop(server: LiveServer) -> None:
    run_id = server.start_run(server.write_command("w", "wait_for_file.py", "/nonexistent"))
    wait_for_log(server, run_id, "ready")
    program_of(server, run_id).terminate()
    run = server.wait_for_state(run_id, "failed", timeout_s=10)
    assert run["reason"] == "killed by SIGTERM"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_the_runner_ignores_the_terminals_signals(server: LiveServer, number: signal.Signals) -> None:
    go = server.home / "go"
    run_id = server.start_run(server.write_command("w", "exit_when_told.py", str(go), "0"))
    wait_for_log(server, run_id, "ready")
    runner_of(server, run_id).send_signal(number)
    assert server.run(run_id)["state"] == "running"
    go.touch()
    server.wait_for_state(run_id, "completed")
