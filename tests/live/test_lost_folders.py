"""Deleted, unreadable and full run folders cause no crash, no unexpected 500 and no wrong state "running"."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.app.runs.slots import slots_of
from tests.conftest import end, on_eventlet, renew
from tests.live.asking import ask_everything
from tests.live.following import following
from tests.live.processes import program_of, wait_for_log, wait_until_none_left
from tests.servers import LiveServer
from tests.waiting import wait_until


@pytest.fixture
def server(eventlet_server: LiveServer) -> LiveServer:
    """Run the tests once: both servers read and write the same files in the same way."""
    return eventlet_server


@pytest.mark.parametrize("is_stopped", [True, False])
def test_deleting_the_active_runs_directory(server: LiveServer, is_stopped: bool) -> None:
    go = server.home / "go"
    run_id = server.start_run(server.write_command("w", "wait_for_file.py", str(go), "--on-term", "143"))
    wait_for_log(server, run_id, "ready")
    pid = program_of(server, run_id).pid
    with following(server) as client:
        wait_until(lambda: client.run_id == run_id, 10)
        shutil.rmtree(server.runs_dir / run_id)
        status = server.get("/training/status").json()
        assert (status["status"], status["run_id"], status["state"], status["pid"]) == (
            "running",
            run_id,
            "running",
            pid,
        )
        ask_everything(server, run_id)
        if is_stopped:
            assert server.post("/training/stop").json() == {"status": "stopped", "run_id": run_id}
        else:
            go.touch()
        wait_until_none_left(server, run_id, 5)
        wait_until(lambda: client.state == "interrupted", 5, lambda: client.run)
    assert server.get("/training/status").json()["status"] == "not_running"
    ask_everything(server, run_id)
    server.wait_for_state(server.start_run(server.write_command("e", "end_at_once.py")), "completed")


def test_deleting_the_runs_folder_while_idle(server: LiveServer) -> None:
    run_id = server.start_run(server.write_command("e", "end_at_once.py"))
    server.wait_for_state(run_id, "completed")
    shutil.rmtree(server.runs_dir)
    for path in server.runs_dir.parent.iterdir():  # Keep the folder, in which the server may be creating a file.
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    ask_everything(server, run_id)
    server.wait_for_state(server.start_run("e.yaml"), "completed")


@pytest.fixture(scope="module")
def restricted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server without root's capability to ignore file permissions."""
    server = LiveServer(tmp_path_factory.mktemp("unprivileged"))
    if os.getuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("root ignores file permissions, and setpriv, which could change that, is not installed")
        server.wrapper = [setpriv, "--bounding-set=-dac_override,-dac_read_search"]
    yield server.start()
    end(server)


@pytest.fixture
def unprivileged(restricted: LiveServer) -> Iterator[LiveServer]:
    yield restricted
    renew(restricted)


@pytest.mark.parametrize("mode", [0o500, 0o000])
def test_an_inaccessible_directory_of_the_active_run(unprivileged: LiveServer, mode: int) -> None:
    server = unprivileged
    go = server.home / "go"
    run_id = server.start_run(server.write_command("w", "exit_when_told.py", str(go), "3"))
    wait_for_log(server, run_id, "ready")
    path = server.runs_dir / run_id
    try:
        path.chmod(mode)
        status = server.get("/training/status").json()
        assert (status["status"], status["state"], status["run_id"]) == ("running", "running", run_id)
        ask_everything(server, run_id)
        go.touch()
        wait_until(lambda: server.get("/training/status").json()["status"] == "not_running", 10)
        ask_everything(server, run_id)
        if not mode:
            run = server.run(run_id)
            assert (run["state"], run["reason"]) == ("unknown", "run.json cannot be read: Permission denied")
            assert [each["status"] for each in server.get("/training/metrics/runs?status=unknown").json()] == [
                "unknown"
            ]
    finally:
        path.chmod(0o700)
    # With mode 000 the runner cannot write its verdict. The service then reports `interrupted` and invents no verdict.
    run = server.run(run_id)
    assert (run["state"], run["reason"]) == ("failed", "exit code 3") if mode else run["state"] == "interrupted"
    wait_until_none_left(server, run_id, 5)  # The runner exits some milliseconds after it writes its verdict.


def test_stopping_with_a_read_only_run_directory(unprivileged: LiveServer) -> None:
    server = unprivileged
    run_id = server.start_run(server.write_command("w", "wait_for_file.py", "/nonexistent", "--on-term", "143"))
    wait_for_log(server, run_id, "ready")
    path = server.runs_dir / run_id
    try:
        path.chmod(0o500)
        assert server.post("/training/stop").json() == {"status": "stopped", "run_id": run_id}
        assert server.get("/training/status").json()["status"] == "not_running"
        assert server.run(run_id)["state"] == "interrupted", "without stop.json the verdict cannot be `stopped`"
    finally:
        path.chmod(0o700)


@pytest.mark.parametrize("mode", [0o500, 0o000])
def test_an_inaccessible_runs_folder(unprivileged: LiveServer, mode: int) -> None:
    server = unprivileged
    run_id = server.start_run(server.write_command("e", "end_at_once.py"))
    server.wait_for_state(run_id, "completed")
    # The runner holds its slot some milliseconds beyond its verdict. Until then an unreadable run counts as active.
    wait_until(lambda: not slots_of(server.runs_dir).held(), 10)
    try:
        server.runs_dir.chmod(mode)
        if mode:
            ask_everything(server, run_id)
        else:
            for path in ("status", "models", "metrics/latest", "metrics/runs", f"runs/{run_id}"):
                answer = server.get(f"/training/{path}")
                assert (answer.status_code, answer.json()["code"]) == (503, 503), path
                assert "cannot be read: Permission denied" in answer.json()["message"]
        answer = server.post("/training/start", {"config_name": "e.yaml"})
        assert answer.status_code == 500
        assert answer.json()["status"] == f"error: {answer.json()['message']}"
        assert "Permission denied" in answer.json()["message"]
    finally:
        server.runs_dir.chmod(0o700)
    server.wait_for_state(server.start_run("e.yaml"), "completed")


def fill(ballast: Path) -> None:
    """Fill the disk to its last block."""
    with suppress(OSError), open(ballast, "wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    """Mount a 3 MB disk for the runs folder."""
    folder = tmp_path / "logs"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m,mode=0755", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.getuid() != 0 or psutil.Popen(mount).wait() != 0:
        pytest.skip("needs root and permission to mount a tmpfs")
    yield folder
    assert psutil.Popen(["umount", "-l", str(folder)]).wait() == 0


@on_eventlet
def test_a_full_disk_fails_the_run_but_not_the_service(small_disk: Path, stopped_server: LiveServer) -> None:
    server = stopped_server.start()
    with following(server) as client:
        run_id = server.start_run(server.write_command("f", "fill_disk.py", "{run_dir}"))
        run = server.wait_for_state(run_id, "failed")
        assert run["reason"].startswith(f"no space left on device: {server.runs_dir / run_id}")
        wait_until(lambda: client.state == "failed", 5)
    ask_everything(server, run_id)
    refused = server.post("/training/start", {"config_name": "f.yaml"})
    assert (refused.status_code, refused.json()["code"]) == (507, 507)
    ballast = server.runs_dir / run_id / "output" / "ballast"
    assert stat.S_ISREG(ballast.stat().st_mode)
    ballast.unlink()
    server.wait_for_state(server.start_run(server.write_command("e", "end_at_once.py")), "completed")


@on_eventlet
def test_stopping_on_a_full_disk_still_counts_as_a_stop(small_disk: Path, stopped_server: LiveServer) -> None:
    server = stopped_server.start()
    run_id = server.start_run(server.write_command("w", "wait_for_file.py", "/nonexistent", "--on-term", "143"))
    wait_for_log(server, run_id, "ready")
    queued = server.start_run("w.yaml", queue=True)
    fill(small_disk / "ballast")
    refused = server.patch(f"/training/runs/{run_id}", {"title": "baseline"})
    assert (refused.status_code, server.run(run_id)["title"]) == (507, None)
    assert server.delete(f"/training/queue/{queued}").json()["runs"] == []
    assert server.post("/training/stop").json() == {"status": "stopped", "run_id": run_id}
    assert [server.run(each)["state"] for each in (queued, run_id)] == ["stopped", "stopped"]
    assert not list((server.runs_dir / queued).glob(".state.json.*"))


@on_eventlet
def test_starting_on_a_full_disk(small_disk: Path, stopped_server: LiveServer) -> None:
    server = stopped_server
    server.settings["TRAINING_MIN_FREE_MB"] = "0"
    server.start()
    config = server.write_command("e", "end_at_once.py")
    fill(small_disk / "ballast")
    answer = server.post("/training/start", {"config_name": config})
    assert answer.status_code == 500
    assert "No space left on device" in answer.json()["status"]
    assert server.get("/training/status").json()["status"] == "not_running"
    (small_disk / "ballast").unlink()
    server.wait_for_state(server.start_run(config), "completed")
