"""Backups as docs/operations.md describes them: a run is copied while it is active, and copied back."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.app.runs.slots import store_of
from tests.servers import LiveServer
from tests.waiting import wait_until

ROWS = 20


def copy(run: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", str(run), f"{folder}/"], check=True)


def test_the_copy_of_an_active_run_is_interrupted_wherever_it_is_restored(
    eventlet_server: LiveServer, tmp_path: Path
) -> None:
    server = eventlet_server
    writes = server.write_command("writes", "write_metrics.py", "{output_dir}", "--rows", "100000", "--pause", "0.01")
    run_id = server.start_run(writes)

    def num_rows() -> int:
        answer = server.get(f"/training/metrics/runs/{run_id}")
        return int(answer.json()["total_rows"]) if answer.ok else 0

    wait_until(lambda: num_rows() >= ROWS, 20, num_rows)
    copy(server.runs_dir / run_id, tmp_path / "backup")
    copy(tmp_path / "backup" / run_id, tmp_path / "other" / "runs")
    assert store_of(tmp_path / "other" / "runs").find(run_id).state == "interrupted"
    assert server.run(run_id)["state"] == "running", "a copy does not disturb the run"

    server.post("/training/stop", {"run_id": run_id})
    assert server.delete(f"/training/models/{run_id}").ok
    copy(tmp_path / "backup" / run_id, server.runs_dir)
    assert server.run(run_id)["state"] == "interrupted"
    assert num_rows() >= ROWS
    assert server.get(f"/training/runs/{run_id}/log").json()["text"]
    [listed] = server.get("/training/metrics/runs").json()
    assert (listed["run_id"], listed["status"]) == (run_id, "interrupted")
