"""The whole service on a cluster."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.app.answers import problem
from tests.conftest import end
from tests.live.files import assert_equals_files, wait_until_over
from tests.live.following import following
from tests.servers import LiveServer
from tests.slurm.cluster import CONTROLLER, Cluster
from tests.waiting import wait_until

SAVING = ("save_on_signal.py", "{output_dir}/saved", "--takes", "0")
LATE = "attr_timeout=3,entry_timeout=3,negative_timeout=3"
"""Options of a FUSE mount that shows a change up to 3 s late, as NFS does."""
SLOW = "strace -f -qqq -o /dev/null --inject=open,openat,lstat,newfstatat,getdents64,pread64,pwrite64:delay_enter=5000"
"""Runs bindfs with a delay of 5 ms for each of its system calls, several of which serve one of ours."""


@contextmanager
def server_on(
    cluster: Cluster, home: Path, kind: str = "eventlet", workers: int = 1, wrapper: list[str] | None = None
) -> Iterator[LiveServer]:
    """A service on a cluster, whose runs get a GPU. Its runs are ended in the end."""
    settings = {"TRAINING_EXECUTOR": "slurm", "TRAINING_SLURM_OPTIONS": "--partition=gpu --gres=gpu:1"}
    server = LiveServer(home, kind, workers, **settings, **cluster.environment)
    server.wrapper = wrapper or []
    server.write_command("saving", *SAVING)
    server.write_command("metrics", "write_metrics.py", "{output_dir}", "--rows", "50", "--gates")
    try:
        yield server.start()
    finally:
        end(server)
        cluster.end_jobs()


def start(server: LiveServer, config_name: str) -> str:
    """Start a run, which SLURM may have launched already when the service answers, and return its id."""
    answer = server.post("/training/start", {"config_name": config_name})
    assert (answer.status_code, answer.json()["status"]) in ((202, "queued"), (200, "started")), answer.text
    return str(answer.json()["run_id"])


def stop(server: LiveServer, run_id: str) -> tuple[int, Any]:
    answer = server.post("/training/stop", {"run_id": run_id})
    return answer.status_code, answer.json()


def test_runs_on_a_cluster_from_start_to_stop(cluster: Cluster, tmp_path: Path) -> None:
    with server_on(cluster, tmp_path, "gunicorn", workers=2) as server:
        running = [start(server, "saving.yaml") for _ in range(2)]
        for run_id in running:
            run = server.wait_for_state(run_id, "running")
        assert (run["node"], run["gpus"]) == ("n2", ["0"])
        status = server.get("/training/status").json()
        assert {each["run_id"] for each in status["active"]} == set(running)
        waiting = start(server, "saving.yaml")
        wait_until(lambda: server.run(waiting)["reason"] == "SLURM: Resources", 20, lambda: server.run(waiting))
        assert server.run(waiting)["state"] == "queued"
        assert server.delete(f"/training/models/{waiting}").status_code == 409
        hold = "scontrol hold jobname="
        assert hold in problem(server.patch(f"/training/queue/{waiting}", {"position": 1}), 409)["message"]
        assert hold in problem(server.post("/training/queue/pause"), 409)["message"]
        assert server.get("/training/queue").json()["pausable"] is False
        urgent = server.post("/training/start", {"config_name": "saving.yaml", "priority": 1})
        assert hold in problem(urgent, 422)["errors"]["priority"][0]
        cluster.run("scontrol", "update", f"jobname={waiting}", "nice=100")
        cluster.run(*f"{hold}{waiting}".split())
        wait_until(lambda: "JobHeld" in str(server.run(waiting)["reason"]), 20, lambda: server.run(waiting))
        cluster.run("scontrol", "release", f"jobname={waiting}")

        server.kill()
        cluster.kill(CONTROLLER)
        server.start()
        runs = [server.run(each) for each in (*running, waiting)]
        assert [run["state"] for run in runs] == ["running", "running", "queued"]
        assert all(run["reason"].startswith("not reachable since ") for run in runs)
        assert stop(server, waiting) == (202, {"status": "stopping", "run_id": waiting})
        assert stop(server, running[0]) == (200, {"status": "stopped", "run_id": running[0]})
        assert (server.runs_dir / running[0] / "output" / "saved").exists()
        assert server.post("/training/start", {"config_name": "saving.yaml"}).status_code == 500

        cluster.start_missing()
        server.wait_for_state(waiting, "stopped")
        assert server.run(running[1])["state"] == "running"
        assert stop(server, running[1]) == (200, {"status": "stopped", "run_id": running[1]})
        assert server.delete(f"/training/models/{waiting}").status_code == 200


def test_every_run_stays_with_its_own_executor(cluster: Cluster, tmp_path: Path) -> None:
    with server_on(cluster, tmp_path) as server:
        on_cluster = start(server, "saving.yaml")
        server.wait_for_state(on_cluster, "running")
        server.kill()
        server.settings["TRAINING_EXECUTOR"] = "local"
        server.start()
        assert server.run(on_cluster)["state"] == "running"
        here = server.start_run("saving.yaml")
        wait_until(lambda: "ready" in (server.runs_dir / here / "train.log").read_text(), 20)
        assert stop(server, on_cluster) == (200, {"status": "stopped", "run_id": on_cluster})
        assert (server.runs_dir / on_cluster / "output" / "saved").exists()

        server.kill()
        server.settings["TRAINING_EXECUTOR"] = "slurm"
        server.start()
        run = server.run(here)
        assert (run["state"], run["reason"]) == ("running", None)
        assert run["pid"] == server.get("/training/status").json()["pid"]
        assert stop(server, here) == (200, {"status": "stopped", "run_id": here})
        assert (server.runs_dir / here / "output" / "saved").exists()


@pytest.fixture
def slow_folder(tmp_path: Path) -> list[str]:
    """A command prefix that shows a server the folder of runs as a busy NFS does. Everybody else sees it as it is.

    The mount ends with the server, because both are in its process group.
    """
    if not (shutil.which("bindfs") and shutil.which("strace") and os.access("/dev/fuse", os.W_OK)):
        pytest.skip("there is no bindfs or strace (apt-get install bindfs strace), or no /dev/fuse")
    logs = tmp_path / "logs"
    logs.mkdir()
    mount = (
        f"mount --make-rprivate / && {SLOW} bindfs -f --multithreaded -o {LATE} {logs} {logs} & "
        f'until mountpoint --quiet {logs}; do sleep 0.05; done; exec "$@"'
    )
    return ["unshare", "--mount", "sh", "-c", mount, "sh"]


@pytest.mark.slow
def test_viewers_of_two_workers_miss_nothing_in_a_slow_folder_that_shows_changes_late(
    cluster: Cluster, tmp_path: Path, slow_folder: list[str]
) -> None:
    with server_on(cluster, tmp_path, "gunicorn", 2, slow_folder) as server, ExitStack() as stack:
        clients = [stack.enter_context(following(server)) for _ in range(6)]
        run_id = start(server, "metrics.yaml")
        output = server.runs_dir / run_id / "output"
        wait_until(output.exists, 20)
        for num_rows in (20, 30):
            (output / "go").write_text(str(num_rows))
            for client in clients:
                wait_until(lambda client=client: len(client.rows) == num_rows, 20)  # type: ignore[misc]  # noqa: B023
            if num_rows == 20:
                next(each for each in server.processes()[1:] if "gunicorn" in " ".join(each.cmdline())).kill()
        (output / "go").write_text("50")
        for client in clients:
            wait_until_over(client)
            assert_equals_files(client, server)
            assert client.violations == []
        assert len(cluster.run("squeue", "--noheader", "--states=all", f"--name={run_id}").splitlines()) == 1
