"""Corrupt run files and lock files cause no crash, no 500 and no wrong state "running"."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest
import requests

from tests.live.asking import ask_everything
from tests.live.following import following
from tests.live.processes import of_run, program_of, runner_of, wait_for_log
from tests.servers import LiveServer
from tests.waiting import wait_until

WRONG_TYPES = {
    "state": {"a": []},
    "pid": "12",
    "runner": 7,
    "trainer": [],
    "reason": 5,
    "started_at": [],
    "ended_at": {},
    "exit_code": "x",
    "signal": 9,
    "request": 3,
    "created_at": 1,
    "run_id": None,
    "mode": [],
    "grace_s": "soon",
    "epoch": "first",
    "max_epochs": {},
    "model_path": 5,
    "model_name": ["m"],
    "class_names": 1,
    "completed_at": 4,
    "outputs": {"metrics": 3, "log": {"patterns": ["("]}, "models": []},
    "parameters": [1],
    "resume": {"a": 1},
}

GARBAGE = {
    "empty": b"",
    "cut": b'{"state": "runn',
    "bytes": bytes(range(256)) * 20,
    "list": b"[]",
    "null": b"null",
    "wrong types": json.dumps(WRONG_TYPES).encode(),
    "not numbers": b'{"pid": NaN, "epoch": Infinity, "exit_code": 1e999, "state": "completed"}',
    "deep": b"[" * 100_000,
    "surrogates": b'{"state": "\\ud800", "reason": "\\udfff", "request": {"config_name": "\\ud800"},'
    b' "resume": ["\\ud800", "a\\u0000b", "**/../*", "/etc"], "parameters": {"\\ud800": "\\udfff", "a": 1e999}}',
}

FILES = (
    "state.json",
    "run.json",
    "stop.json",
    "output/progress.json",
    "config.yaml",
    "output/csv/version_0/metrics.csv",
    "result.json",
    "classification_model.json",
    "train.log",
)


@pytest.fixture
def server(eventlet_server: LiveServer) -> LiveServer:
    """Run the tests once: both servers read run files and locks in the same way."""
    return eventlet_server


def corrupt(path: Path, garbage: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(garbage)


@pytest.mark.parametrize("name", FILES)
def test_a_corrupt_file_of_an_ended_run(server: LiveServer, name: str) -> None:
    run_id = server.start_run(server.write_command("m", "write_metrics.py", "{run_dir}", "--rows", "20"))
    server.wait_for_state(run_id, "completed")
    corrupt_file = server.runs_dir / run_id / name
    for kind, garbage in GARBAGE.items():
        corrupt(corrupt_file, garbage)
        ask_everything(server, run_id)
        assert server.get("/training/status").json()["status"] == "not_running", kind
        with following(server, run_id) as client:
            wait_until(lambda client=client: client.is_synchronised, 10)
    corrupt_file.unlink()
    corrupt_file.mkdir()
    ask_everything(server, run_id)
    answer = server.post("/training/start", {"config_name": "m.yaml", "resume_from": run_id})
    assert answer.status_code == 422
    assert requests.delete(f"{server.url}/training/models/{run_id}", timeout=30).json()["success"]


@pytest.mark.parametrize("kind", GARBAGE)
def test_corrupt_files_of_the_active_run(server: LiveServer, kind: str) -> None:
    """The lock shows that the run is active. The runner writes the right state again at the end."""
    run_id = server.start_run(server.write_command("w", "wait_for_file.py", "/nonexistent", "--on-term", "143"))
    wait_for_log(server, run_id, "ready")
    runner = runner_of(server, run_id)
    for name in FILES:
        if name not in ("stop.json", "train.log"):
            corrupt(server.runs_dir / run_id / name, GARBAGE[kind])
    if kind == "not numbers":  # That is valid as a final state, so write an active one.
        (server.runs_dir / run_id / "state.json").write_bytes(b'{"pid": NaN, "state": "running"}')
    status = server.get("/training/status").json()
    assert (status["status"], status["run_id"], status["state"]) == ("running", run_id, "running")
    ask_everything(server, run_id)
    assert server.post("/training/start", {"config_name": "w.yaml"}).status_code == 409
    assert runner.is_running()
    assert server.post("/training/stop").json() == {"status": "stopped", "run_id": run_id}
    assert server.run(run_id)["state"] == "stopped"
    assert of_run(server.runs_dir / run_id) == []


def test_a_state_file_with_a_wrong_pid_does_not_end_a_healthy_run(server: LiveServer) -> None:
    run_id = server.start_run(server.write_command("w", "wait_for_file.py", "/nonexistent", "--on-term", "143"))
    wait_for_log(server, run_id, "ready")
    path = server.runs_dir / run_id / "state.json"
    with psutil.Popen(["sleep", "1000"], start_new_session=True) as foreign:
        try:
            record = json.loads(path.read_text())
            record["runner"]["pid"] = record["trainer"]["pid"] = foreign.pid
            path.write_text(json.dumps(record))
            with following(server) as client:
                wait_until(lambda: client.state == "running", 10)
                before = server.get("/training/status").json()
                assert before["state"] == "running"
                # Meanwhile the supervisor checks the run several times.
                wait_until(lambda: client.num_systems > 1, 10)
            assert server.get("/training/status").json()["state"] == "running"
            assert server.post("/training/stop").json() == {"status": "stopped", "run_id": run_id}
            assert server.run(run_id)["state"] == "stopped"
            assert foreign.poll() is None
        finally:
            foreign.kill()


@pytest.mark.parametrize("garbage", [b"", b"\xff\xfe\0", b"../../etc", b"no such run", b"x" * 5000])
def test_a_corrupt_lock_file(server: LiveServer, garbage: bytes) -> None:
    lock = server.runs_dir.parent / "slots" / "0.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_bytes(garbage)
    assert server.get("/training/status").json()["status"] == "not_running"
    run_id = server.start_run(server.write_command("w", "wait_for_file.py", "/nonexistent", "--on-term", "143"))
    wait_for_log(server, run_id, "ready")
    lock.write_bytes(garbage)
    status = server.get("/training/status").json()
    assert (status["status"], status["run_id"], status["pid"]) == ("running", run_id, program_of(server, run_id).pid)
    assert server.post("/training/start", {"config_name": "w.yaml"}).status_code == 409
    lock.write_bytes(garbage)
    with following(server) as client:
        assert server.post("/training/stop").json() == {"status": "stopped", "run_id": run_id}
        wait_until(lambda: client.state == "stopped", 5)
    assert of_run(server.runs_dir / run_id) == []


def overwrite(path: Path, text: str) -> None:
    """Replace the contents. Unlike `write_text`, this never leaves the file empty, which the service would repair."""
    with open(path, "r+") as file:
        file.write(text)
        file.truncate()


def test_a_lock_file_with_an_ended_run_does_not_end_a_healthy_run(server: LiveServer) -> None:
    ended = server.start_run(server.write_command("e", "end_at_once.py"))
    server.wait_for_state(ended, "completed")
    run_id = server.start_run(server.write_command("w", "wait_for_file.py", "/nonexistent", "--on-term", "143"))
    wait_for_log(server, run_id, "ready")
    program = program_of(server, run_id)
    lock = server.runs_dir.parent / "slots" / "0.lock"
    with following(server) as client:
        wait_until(lambda: client.state == "running", 10)
        overwrite(lock, ended)
        num_systems = client.num_systems
        wait_until(lambda: client.num_systems > num_systems + 1, 10)  # The supervisor checks the run several times.
        assert (program.is_running(), client.state) == (True, "running")
        assert lock.read_text() == run_id, "the holder of the lock must repair its contents"
        assert server.get("/training/status").json()["state"] == "running"
    assert server.post("/training/stop").json() == {"status": "stopped", "run_id": run_id}
    assert server.run(run_id)["state"] == "stopped"
