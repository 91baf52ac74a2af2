"""Clients of the first API go on working: its requests, and its answers in its own words."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.app.answers import problem
from tests.app.written import write_dataset, write_metrics, write_model, write_run
from tests.servers import LiveServer

RUN = "2026-01-01_00-00-00"
FOLDERS = ("train_data_dir", "val_data_dir", "test_data_dir")


def test_a_run_from_its_start_to_its_stop(eventlet_server: LiveServer, tmp_path: Path) -> None:
    server = eventlet_server
    pets = write_dataset(server.data_dir, "pets")
    config = server.write_command("waiting", "wait_for_file.py", str(tmp_path / "end"), "--on-term", "0")
    folders = {f"{split}_data_dir": str(pets / split) for split in ("train", "val", "test")}
    asked = {"config_name": config, **folders, "model_name": "first"}

    answer = server.post("/training/start", asked)
    assert answer.status_code == 200
    started = answer.json()
    assert started == {"status": "started", "pid": started["pid"], "run_id": started["run_id"]}
    assert isinstance(started["pid"], int)

    origin = server.run(started["run_id"])["origin"]
    assert (origin["argv"][0], origin["cwd"], origin["packages"]) == (sys.executable, str(server.cwd), None)

    conflict = problem(server.post("/training/start", asked), 409, status="running", **without_status(started))
    assert started["run_id"] in conflict["message"]

    status = server.get("/training/status").json()
    expected = {"status": "running", "running": True, "config_name": config, **without_status(started)}
    assert status | expected == status

    active = server.delete(f"/training/models/{started['run_id']}")
    body = problem(active, 409, success=False, error=active.json()["message"])
    assert body["error"] == body["message"]

    assert server.post("/training/stop").json() == {"status": "stopped", "run_id": started["run_id"]}
    assert server.post("/training/stop").json() == {"status": "not_running", "run_id": None}
    status = server.get("/training/status").json()
    assert (status["status"], status["running"], status["last_run"]["state"]) == ("not_running", False, "stopped")

    assert server.delete(f"/training/models/{started['run_id']}").json() == {"success": True, "error": None}
    gone = server.delete(f"/training/models/{started['run_id']}")
    problem(gone, 404, success=False, error=gone.json()["message"])


def without_status(started: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in started.items() if name != "status"}


def test_a_run_that_cannot_be_launched_is_an_error_in_the_status(eventlet_server: LiveServer, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF\0 of another machine")
    program.chmod(0o755)
    (eventlet_server.configs_dir / "foreign.yaml").write_text(f"command: {{argv: [{program}]}}\n")
    answer = eventlet_server.post("/training/start", {"config_name": "foreign.yaml", **dict.fromkeys(FOLDERS)})
    assert answer.status_code == 500
    assert answer.json()["status"].startswith("error: ")


def test_lists_of_experiments_datasets_and_models(eventlet_server: LiveServer) -> None:
    server = eventlet_server
    write_dataset(server.data_dir, "pets")
    for name in ("b", "a"):
        server.write_command(name, "exit_with.py", "0")
    model = write_model(write_run(server.runs_dir, RUN))

    assert server.get("/training/configs").json()["available_configs"] == ["a.yaml", "b.yaml"]
    [dataset] = server.get("/training/datasets").json()["datasets"]
    paths = {f"{split}_path": str(server.data_dir / "pets" / split) for split in ("train", "val", "test")}
    facts = {"dataset_name": "pets", "dataset_base_path": str(server.data_dir / "pets"), "class_names": ["cat", "dog"]}
    assert dataset | paths | facts | {"num_images": {"train": 6, "val": 4, "test": 2}} == dataset
    assert server.get("/training/trained_models").json() == {"model_paths": [str(model)]}
    [card] = server.get("/training/models").json()["models_info"]
    assert (card["run_id"], card["model_path"], card["test_metrics"]["test/acc"]) == (RUN, str(model), 0.75)
    downloaded = server.get(f"/training/models/{RUN}/download")
    assert (downloaded.content, downloaded.headers["Content-Disposition"]) == (
        b"onnx",
        "attachment; filename=digits.onnx",
    )


def test_metrics(eventlet_server: LiveServer) -> None:
    server = eventlet_server
    file = write_metrics(write_run(server.runs_dir, RUN), "epoch,step,val/acc\n0,9,0.5\n1,19,\n")

    [listed] = server.get("/training/metrics/runs").json()
    assert listed | {"run_id": RUN, "status": "completed", "has_metrics": True, "metrics_file": str(file)} == listed
    metrics = server.get(f"/training/metrics/runs/{RUN}").json()
    rows = [{"epoch": 0, "step": 9, "val/acc": 0.5}, {"epoch": 1, "step": 19, "val/acc": None}]
    facts = {"available_columns": ["epoch", "step", "val/acc"], "total_rows": 2, "max_epoch": 1, "max_step": 19}
    assert metrics | {"run_id": RUN, **facts, "data": rows, "csv_file": str(file)} == metrics
    assert server.get("/training/metrics/latest").json() == metrics
    summary = server.get(f"/training/metrics/runs/{RUN}/summary").json()
    assert summary["best_metrics"] == {"best_val/acc": 0.5}
    assert (summary["total_epochs"], summary["final_metrics"]["val/acc"]) == (2, 0.5)


@pytest.mark.parametrize(
    "path", ["latest", "runs/none", "runs/none/summary", "runs?status=none", "runs/x?max_points=1"]
)
def test_an_error_about_metrics_has_its_message_as_error_too(eventlet_server: LiveServer, path: str) -> None:
    body = eventlet_server.get(f"/training/metrics/{path}").json()
    assert body["error"] == body["message"]
    if path == "latest":
        assert body["error"].startswith("No training runs found")


def test_metrics_that_cannot_be_read_name_their_file(eventlet_server: LiveServer) -> None:
    file = write_metrics(write_run(eventlet_server.runs_dir, RUN), b"\xff\xfea\n")
    answer = eventlet_server.get(f"/training/metrics/runs/{RUN}")
    body = problem(answer, 422, csv_file=str(file), error=answer.json()["message"])
    assert body["error"] == body["message"]
