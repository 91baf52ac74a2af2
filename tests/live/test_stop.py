"""A stop ends the run and no other process, and the service never reports it as a crash."""

from __future__ import annotations

import signal
import time

import psutil

from tests.live.following import following
from tests.live.processes import (
    kill_at_once,
    of_run,
    program_of,
    start_and_wait,
    wait_for_log,
    wait_until_none_left,
)
from tests.servers import LiveServer
from tests.waiting import wait_until
from trainer.rundir import read_json


def test_stop_answers_after_every_process_has_ended(server: LiveServer) -> None:
    with following(server) as client:
        run_id = start_and_wait(server, "wait_for_file.py", "/nonexistent", "--on-term", "143")
        assert server.post("/training/stop").json() == {"status": "stopped", "run_id": run_id}
        assert of_run(server.runs_dir / run_id) == []
        run = server.run(run_id)
        assert (run["state"], run["reason"], run["exit_code"]) == ("stopped", None, 143)
        assert run["stop"]["mode"] == "save"
        assert run["stop"]["requested_by"] == "REST 127.0.0.1"
        wait_until(lambda: client.state == "stopped", 5)
    assert server.post("/training/stop").json() == {"status": "not_running", "run_id": None}


def test_stop_without_waiting(server: LiveServer) -> None:
    allowed = server.home / "allowed"
    run_id = start_and_wait(server, "wait_for_file.py", "/nonexistent", "--slow-term", str(allowed))
    with following(server) as client:
        assert server.post("/training/stop?wait=0").status_code == 202
        wait_until(lambda: client.state == "stopping", 5)
    answer = server.post("/training/stop?wait=0")
    assert (answer.status_code, answer.json()) == (202, {"status": "stopping", "run_id": run_id})
    status = server.get("/training/status").json()
    assert (status["status"], status["state"], status["run_id"]) == ("running", "stopping", run_id)
    allowed.touch()
    run = server.wait_for_state(run_id, "stopped")
    assert (run["exit_code"], run["reason"]) == (0, None)


def test_a_discard_may_follow_a_slow_save(server: LiveServer) -> None:
    allowed = server.home / "allowed"
    run_id = start_and_wait(server, "wait_for_file.py", "/nonexistent", "--slow-term", str(allowed))
    assert server.post("/training/stop?wait=0", {"mode": "save"}).status_code == 202
    wait_for_log(server, run_id, "saving 1")
    assert server.post("/training/stop?wait=0", {"mode": "discard"}).status_code == 202
    wait_for_log(server, run_id, "saving 2")
    assert (read_json(server.runs_dir / run_id / "stop.json") or {})["mode"] == "discard"
    allowed.touch()
    assert server.wait_for_state(run_id, "stopped")["reason"] is None


def test_a_program_that_ignores_the_stop_is_killed_after_the_grace(server: LiveServer) -> None:
    run_id = start_and_wait(server, "ignore_sigterm.py", more="stop: {grace_s: 1}")
    start_time = time.monotonic()
    assert server.post("/training/stop").json()["status"] == "stopped"
    assert time.monotonic() - start_time >= 1
    run = server.run(run_id)
    assert (run["state"], run["signal"]) == ("stopped", "SIGKILL")
    assert "within 1 s" in run["reason"]
    assert of_run(server.runs_dir / run_id) == []


def test_a_frozen_program_is_killed_after_the_grace(server: LiveServer) -> None:
    run_id = start_and_wait(server, "wait_for_file.py", "/nonexistent", more="stop: {grace_s: 0.5}")
    program_of(server, run_id).send_signal(signal.SIGSTOP)
    assert server.post("/training/stop").json()["status"] == "stopped"
    assert server.run(run_id)["state"] == "stopped"


def test_the_grace_outlives_the_server(own_server: LiveServer) -> None:
    """The runner kills the program after the grace even if the server has died meanwhile."""
    server = own_server
    run_id = start_and_wait(server, "ignore_sigterm.py", more="stop: {grace_s: 1}")
    assert server.post("/training/stop?wait=0").status_code == 202
    server.kill()
    wait_until_none_left(server, run_id, 10)
    server.start()
    assert server.run(run_id)["state"] == "stopped"


def test_stop_with_a_run_id_stops_only_that_run(server: LiveServer) -> None:
    run_id = start_and_wait(server, "wait_for_file.py", "/nonexistent")
    for other in ("2000-01-01_00-00-00", "../x", ""):
        answer = server.post("/training/stop", {"run_id": other})
        assert (answer.status_code, answer.json()["code"]) == (409, 409)
        assert run_id in answer.json()["message"]
    assert not (server.runs_dir / run_id / "stop.json").exists()
    assert server.run(run_id)["state"] == "running"
    assert server.post("/training/stop", {"run_id": run_id}).json() == {"status": "stopped", "run_id": run_id}
    assert server.run(run_id)["state"] == "stopped"


def test_stopping_right_after_the_start(server: LiveServer) -> None:
    for _ in range(5):
        run_id = server.start_run(server.write_command("c", "wait_for_file.py", "/nonexistent"))
        assert server.post("/training/stop").json() == {"status": "stopped", "run_id": run_id}
        assert server.run(run_id)["state"] == "stopped"


def test_a_reused_pid_is_neither_running_nor_signalled(own_server: LiveServer) -> None:
    """After a power loss, state.json still says `running`, and other processes may have its pids."""
    run_id = start_and_wait(own_server, "wait_for_file.py", "/nonexistent")
    own_server.kill()
    path = own_server.runs_dir / run_id / "state.json"
    claimed = path.read_text()
    kill_at_once(*(process.pid for process in of_run(own_server.runs_dir / run_id)))
    wait_until_none_left(own_server, run_id, 5)
    with psutil.Popen(["sleep", "1000"], start_new_session=True) as foreign:
        try:
            record = read_json(path) or {}
            for pid in (record["runner"]["pid"], record["trainer"]["pid"]):
                claimed = claimed.replace(str(pid), str(foreign.pid))
            path.write_text(claimed)
            assert (read_json(path) or {})["runner"]["pid"] == foreign.pid
            own_server.start()
            status = own_server.get("/training/status").json()
            assert (status["status"], status["pid"], status["last_run"]["state"]) == (
                "not_running",
                None,
                "interrupted",
            )
            assert own_server.post("/training/stop").json()["status"] == "not_running"
            next_run_id = start_and_wait(own_server, "wait_for_file.py", "/nonexistent")
            assert own_server.post("/training/stop").json() == {"status": "stopped", "run_id": next_run_id}
            assert foreign.is_running()
            assert foreign.poll() is None
        finally:
            foreign.kill()
