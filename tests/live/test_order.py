"""The order of runs survives a change of the clock or the time zone between two runs."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

from tests.app.onnxfile import content_of
from tests.app.written import METRICS, write_command_run, write_files, write_metrics
from tests.conftest import on_eventlet
from tests.servers import LiveServer

pytestmark = on_eventlet


def run_one(server: LiveServer) -> str:
    run_id = server.start_run(server.write_command("quick", "exit_with.py", "0"))
    server.wait_for_state(run_id, "completed")
    return run_id


def assert_newest_first(server: LiveServer, run_ids: list[str]) -> None:
    assert [run["run_id"] for run in server.get("/training/metrics/runs").json()] == run_ids
    assert server.get("/training/status").json()["last_run"]["run_id"] == run_ids[0]
    write_metrics(server.runs_dir / run_ids[0], METRICS, "output/metrics.csv")
    assert server.get("/training/metrics/latest").json()["run_id"] == run_ids[0]
    with server.client() as client:
        assert client.call("subscribe", {}, namespace="/training", timeout=10)["run"]["run_id"] == run_ids[0]
    for run_id in run_ids:
        write_files(server.runs_dir / run_id / "output", "m.onnx", content=content_of())
    assert [card["run_id"] for card in server.get("/training/models").json()["models_info"]] == run_ids


def test_a_new_time_zone_changes_the_ids_but_not_the_order(stopped_server: LiveServer) -> None:
    server = stopped_server
    server.settings["TZ"] = "Etc/GMT-14"
    server.start()
    first = run_one(server)
    server.stop()
    server.settings["TZ"] = "Etc/GMT+12"
    server.start()
    second = run_one(server)
    assert second < first
    assert_newest_first(server, [second, first])


def test_setting_the_clock_back_does_not_change_the_order(own_server: LiveServer) -> None:
    server = own_server
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    ahead = write_command_run(server.runs_dir, tomorrow.strftime("%Y-%m-%d_%H-%M-%S"), created_at=tomorrow.isoformat())
    first, second = run_one(server), run_one(server)
    assert_newest_first(server, [second, first, ahead.name])
    created = [created_at(server.runs_dir / run_id) for run_id in (first, second)]
    assert created[0] < created[1] < tomorrow  # `created_at` is the clock's time, not a corrected one.
    server.kill()
    server.start()
    third = run_one(server)
    assert_newest_first(server, [third, second, first, ahead.name])


def created_at(run: Path) -> datetime:
    return datetime.fromisoformat(json.loads((run / "run.json").read_text())["created_at"])
