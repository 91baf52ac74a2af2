"""Without /proc, as in some chroots, all but the usage figures works. The service logs that once."""

from __future__ import annotations

import subprocess

import psutil
import pytest

from tests.conftest import on_eventlet
from tests.live.following import following
from tests.live.processes import is_gone, record_of, runner_of, start_and_wait
from tests.servers import LiveServer
from tests.waiting import wait_until

WITHOUT_PROC = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]


pytestmark = on_eventlet


@pytest.fixture
def without_proc(stopped_server: LiveServer) -> LiveServer:
    if subprocess.run([*WITHOUT_PROC, "true"], capture_output=True).returncode != 0:
        pytest.skip("needs permission to mount")
    stopped_server.wrapper = WITHOUT_PROC
    stopped_server.settings["TRAINING_STOP_GRACE_S"] = "1"
    return stopped_server.start()


def test_starting_following_and_stopping_work(without_proc: LiveServer) -> None:
    server = without_proc
    with following(server) as client:
        run_id = start_and_wait(server, "wait_for_file.py", "/nonexistent", "--on-term", "143")
        wait_until(lambda: client.num_systems > 1 and client.state == "running", 10)
        status = server.get("/training/status").json()
        assert (status["run_id"], status["pid"]) == (run_id, record_of(server, run_id)["pid"])
        assert server.post("/training/start", {"config_name": "c.yaml"}).status_code == 409
        assert server.post("/training/stop").json() == {"status": "stopped", "run_id": run_id}
        wait_until(lambda: client.state == "stopped", 10)
    assert server.run(run_id)["exit_code"] == 143
    assert server.log_path.read_text().count("There is no /proc") == 1


def test_a_stop_ends_the_processes_of_a_killed_runner(without_proc: LiveServer) -> None:
    """The service can only find the program's process group then."""
    server = without_proc
    pid_file = server.home / "pid"
    run_id = start_and_wait(server, "spawn_grandchild.py", str(pid_file))
    grandchild = psutil.Process(int(pid_file.read_text()))
    runner_of(server, run_id).kill()
    assert server.post("/training/stop").json()["run_id"] in (run_id, None)
    wait_until(lambda: is_gone(grandchild), 10)
    wait_until(lambda: server.get("/training/status").json()["status"] == "not_running", 10)
