"""The service as process 1 in its own PID namespace, as `docker run` starts it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess

import psutil
import pytest

from tests.servers import LiveServer
from tests.waiting import wait_until

UNSHARE = ["unshare", "--pid", "--fork", "--mount-proc", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]


def can_unshare() -> bool:
    return (
        shutil.which("unshare") is not None and subprocess.run([*UNSHARE, "true"], capture_output=True).returncode == 0
    )


@pytest.mark.skipif(not can_unshare(), reason="this machine does not allow a new PID namespace")
def test_as_process_1_the_service_reaps_zombies_and_exits_on_sigterm(stopped_server: LiveServer) -> None:
    server = stopped_server
    server.wrapper = UNSHARE
    server.start()
    assert server.process is not None
    [process_1] = psutil.Process(server.process.pid).children()
    assert_is_process_1(process_1)
    for _ in range(3):
        run_id = server.start_run(server.write_command("quick", "exit_with.py", "0"))
        server.wait_for_state(run_id, "completed")
    wait_until(lambda: not zombies_below(process_1), 10, lambda: zombies_below(process_1))
    active = server.start_run(server.write_command("lives", "ignore_sigterm.py"))
    server.wait_for_state(active, "running")
    process_1.send_signal(signal.SIGTERM)
    server.process.wait(15)
    server.wrapper = []
    server.start()
    assert server.run(active)["state"] == "interrupted"  # All processes of a container end with process 1.


def assert_is_process_1(process: psutil.Process) -> None:
    with open(f"/proc/{process.pid}/status") as status:
        assert next(line.split()[-1] for line in status if line.startswith("NSpid:")) == "1"


def zombies_below(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children(recursive=True) if child.status() == psutil.STATUS_ZOMBIE]
