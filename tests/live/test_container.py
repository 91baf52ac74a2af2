"""The service as process 1 in its own PID namespace, as `docker run` starts it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.servers import LiveServer
from tests.waiting import wait_until
from trainer.rundir import RunDir

UNSHARE = ["unshare", "--pid", "--fork", "--mount-proc", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]


def can_unshare() -> bool:
    return (
        shutil.which("unshare") is not None and subprocess.run([*UNSHARE, "true"], capture_output=True).returncode == 0
    )


pytestmark = pytest.mark.skipif(not can_unshare(), reason="this machine does not allow a new PID namespace")


def test_runs_outlive_the_service_and_save_at_the_end_of_the_container(stopped_server: LiveServer) -> None:
    container = stopped_server
    container.wrapper = UNSHARE
    container.start()
    one = process_1(container)
    run_id = container.start_run(container.write_command("quick", "exit_with.py", "0"))
    container.wait_for_state(run_id, "completed")
    wait_until(lambda: not zombies_below(one), 10, lambda: zombies_below(one))
    active = container.start_run(container.write_command("saves", "save_on_signal.py", "{output_dir}/saved"))
    run = RunDir(container.runs_dir / active)
    wait_until(lambda: b"ready" in run.log.read_bytes(), 10)

    [service] = [child for child in one.children() if "trainer.runner" not in child.cmdline()]
    killed = [service, *service.children()]
    service.kill()
    psutil.wait_procs(killed, 10)
    wait_until(container.answers, 30)
    assert container.run(active)["state"] == "running"

    one.send_signal(signal.SIGTERM)
    assert container.process is not None
    assert container.process.wait(15) == 0
    assert (run.output / "saved").is_file()
    assert json.loads(run.state.read_text())["state"] == "interrupted"


def test_a_bad_setting_ends_the_container_with_its_message(tmp_path: Path) -> None:
    server = LiveServer(tmp_path, TRAINING_PORT="none")
    ended = subprocess.run(
        [*UNSHARE, *server.command()], env=server.environment(), capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == 1
    assert "TRAINING_PORT='none' must be a whole number" in ended.stderr


def process_1(container: LiveServer) -> psutil.Process:
    """Return the process that has the id 1 in the container."""
    assert container.process is not None
    [one] = psutil.Process(container.process.pid).children()
    with open(f"/proc/{one.pid}/status") as status:
        assert next(line.split()[-1] for line in status if line.startswith("NSpid:")) == "1"
    return one


def zombies_below(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children(recursive=True) if child.status() == psutil.STATUS_ZOMBIE]
