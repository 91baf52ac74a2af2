"""The trash over REST, and the size of a run, on real servers."""

from __future__ import annotations

import time
from pathlib import Path

from app.runs.retention.trash import KEEP_S
from tests.app.answers import problem
from tests.app.written import METRICS, write_run
from tests.conftest import end
from tests.servers import LiveServer
from tests.waiting import wait_until

RUN = "2026-01-01_00-00-00"


def test_a_run_goes_to_the_trash_and_comes_back(server: LiveServer) -> None:
    path = write_run(server.runs_dir, RUN, metrics=METRICS, log=b"log")
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    [listed] = server.get("/training/metrics/runs?sort=-size_bytes").json()
    assert listed["size_bytes"] == server.run(RUN)["size_bytes"] == size
    with server.client() as client:
        assert client.call("subscribe", {"run_id": RUN}, namespace="/training")["run"]["run_id"] == RUN
        answer = server.delete(f"/training/models/{RUN}?trash=1")
        assert answer.json() == {"success": True, "error": None}
        assert client.call("subscribe", {"run_id": RUN}, namespace="/training")["code"] == 404
        problem(server.get(f"/training/runs/{RUN}"), 404)
        [trashed] = server.get("/training/trash").json()["runs"]
        assert (trashed["run_id"], trashed["state"], trashed["size_bytes"]) == (RUN, "completed", size)
        assert server.post(f"/training/trash/{RUN}/restore").json() == {"run_id": RUN}
        answer = client.call("subscribe", {"run_id": RUN}, namespace="/training")
        assert (len(answer["rows"]), answer["log"]["text"]) == (4, "log")
    assert [run["run_id"] for run in server.get("/training/metrics/runs").json()] == [RUN]
    assert server.get("/training/trash").json() == {"runs": []}


def test_the_trash_can_be_emptied(server: LiveServer) -> None:
    for run_id in ("a", "b", "c"):
        write_run(server.runs_dir, run_id)
        server.delete(f"/training/models/{run_id}?trash=1")
    assert server.delete("/training/trash/b").json() == {"success": True, "error": None}
    assert [run["run_id"] for run in server.get("/training/trash").json()["runs"]] == ["c", "a"]
    assert server.delete("/training/trash").json() == {"num_deleted": 2}
    assert server.get("/training/trash").json() == {"runs": []}
    assert list((server.runs_dir.parent / "trash").iterdir()) == []


def test_the_trash_refuses_what_it_cannot_do(server: LiveServer) -> None:
    for answer in (server.post("/training/trash/x/restore"), server.delete("/training/trash/x")):
        assert "No run 'x' in the trash" in problem(answer, 404)["message"]
    problem(server.delete("/training/models/x?trash=1"), 404, success=False, error="No run 'x'.")
    assert "trash" in problem(server.delete("/training/models/x?trash=maybe"), 422)["errors"]
    write_run(server.runs_dir, "x")
    server.delete("/training/models/x?trash=1")
    write_run(server.runs_dir, "x")
    assert "run with that id" in problem(server.post("/training/trash/x/restore"), 409)["message"]


def test_a_restarted_service_removes_what_became_due_meanwhile(tmp_path: Path) -> None:
    server = LiveServer(tmp_path)
    now_us = time.time_ns() // 1000
    trash = server.runs_dir.parent / "trash"
    due, later = (trash / str(now_us - KEEP_S * 10**6 + wait_s * 10**6) for wait_s in (-1, 3600))
    for place in (due, later):
        write_run(place, "run")
    server.start()
    wait_until(lambda: not due.exists(), 15)
    assert (later / "run" / "run.json").exists()
    end(server)
