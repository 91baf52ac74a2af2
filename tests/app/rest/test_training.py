"""POST /training/start and /training/stop, and GET /training/status."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.app.answers import problem
from tests.app.written import OUR_EXPERIMENT, write_config, write_dataset, write_images
from tests.servers import LiveServer
from tests.waiting import wait_until


def test_a_start_answers_with_the_running_program(shared: LiveServer, tmp_path: Path) -> None:
    config = shared.write_command("program", "wait_for_file.py", str(tmp_path / "end"))
    answer = shared.post("/training/start", {"config_name": config})
    assert answer.status_code == 200
    body = answer.json()
    assert body == {"status": "started", "pid": body["pid"], "run_id": body["run_id"]}
    assert "wait_for_file.py" in " ".join(psutil.Process(body["pid"]).cmdline())
    assert (shared.runs_dir / body["run_id"]).is_dir()


def test_a_start_names_every_missing_field(shared: LiveServer) -> None:
    missing = ("config_name", "train_data_dir", "val_data_dir", "test_data_dir")
    assert set(problem(shared.post("/training/start", {}), 422)["errors"]) == set(missing)
    nulls = dict.fromkeys(missing)
    assert set(problem(shared.post("/training/start", nulls), 422)["errors"]) == set(missing)
    assert set(problem(shared.post("/training/start"), 422)["errors"]) == set(missing)
    config = write_config(shared, "ours.yaml")
    for given in (missing[:1], missing[:2], missing[:3]):
        body = {name: str(shared.data_dir) for name in given} | {"config_name": config}
        assert set(problem(shared.post("/training/start", body), 422)["errors"]) >= set(missing) - set(given)


def test_an_unknown_experiment_is_a_404_that_lists_the_available_ones(shared: LiveServer) -> None:
    write_config(shared, "known.yaml")
    body = problem(shared.post("/training/start", {"config_name": "unknown.yaml"}), 404)
    assert "unknown.yaml" in body["message"]
    assert "known.yaml" in body["message"].split()[-1] or "known.yaml," in body["message"]


def test_an_unknown_dataset_or_run_is_a_404(shared: LiveServer) -> None:
    config = write_config(shared, "ours.yaml")
    write_dataset(shared.data_dir, f"pets-{time.monotonic_ns()}")
    unknown = problem(shared.post("/training/start", {"config_name": config, "dataset": "birds"}), 404)
    assert "birds" in unknown["message"]
    assert "pets-" in unknown["message"]
    unknown = problem(shared.post("/training/start", {"config_name": config, "resume_from": "1999-01-01"}), 404)
    assert "1999-01-01" in unknown["message"]


def test_a_second_start_is_a_409_that_names_the_first(waiting: tuple[LiveServer, str, Path]) -> None:
    server, run_id, _ = waiting
    status = server.get("/training/status").json()
    answer = server.post("/training/start", {"config_name": "waiting.yaml"})
    problem(answer, 409, status="running", pid=status["pid"], run_id=run_id)
    assert [run["status"] for run in server.get("/training/metrics/runs").json()].count("running") == 1


def test_unusable_folders_are_a_422_that_names_their_fields(shared: LiveServer, tmp_path: Path) -> None:
    config = write_config(shared, "ours.yaml")
    (tmp_path / "file").write_text("")
    (tmp_path / "no-classes").mkdir()
    write_images(tmp_path / "no-images", cat=0)
    for folder in ("none", "file", "no-classes", "no-images"):
        wrong = str(tmp_path / folder)
        fields = dict.fromkeys(("train_data_dir", "val_data_dir", "test_data_dir"), wrong)
        body = problem(shared.post("/training/start", {"config_name": config, **fields}), 422)
        assert set(body["errors"]) == set(fields)
        assert all(wrong in texts[0] for texts in body["errors"].values())


def test_an_invalid_experiment_is_a_422_that_names_its_keys(shared: LiveServer) -> None:
    dataset = write_dataset(shared.data_dir, f"pets-{time.monotonic_ns()}").name
    config = write_config(shared, "wrong.yaml", OUR_EXPERIMENT + "trainer:\n  max_epochs: -1\n  epochs: 3\n")
    errors = problem(shared.post("/training/start", {"config_name": config, "dataset": dataset}), 422)["errors"]
    assert set(errors) == {"trainer.max_epochs", "trainer.epochs"}
    config = write_config(shared, "ours.yaml")
    overrides = {"trainer.max_epochs": 0, "trainer.epochs": 3, "command.argv": ["true"]}
    wrong = problem(
        shared.post("/training/start", {"config_name": config, "dataset": dataset, "overrides": overrides}), 422
    )
    assert {"overrides.trainer.epochs", "overrides.command.argv"} <= set(wrong["errors"])
    wrong = problem(
        shared.post(
            "/training/start",
            {"config_name": config, "dataset": dataset, "overrides": {"trainer.max_epochs": 0}},
        ),
        422,
    )
    assert set(wrong["errors"]) == {"overrides.trainer.max_epochs"}


def test_a_missing_program_is_a_422_in_check_and_start(shared: LiveServer) -> None:
    config = write_config(shared, "absent.yaml", "command:\n  argv: [/no/such/program]\n")
    for path in ("check", "start"):
        body = problem(shared.post(f"/training/{path}", {"config_name": config}), 422)
        assert body["errors"] == {"command.argv": ["There is no program /no/such/program."]}
    assert not [run for run in shared.get("/training/metrics/runs").json() if run["config_name"] == config]


def test_a_program_that_cannot_be_launched_is_a_500_that_says_why(shared: LiveServer, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF\0 of another machine")
    program.chmod(0o755)
    config = write_config(shared, "foreign.yaml", f"command:\n  argv: [{program}]\n")
    answer = shared.post("/training/start", {"config_name": config})
    body = answer.json()
    assert str(program) in body["message"]
    problem(answer, 500, status=f"error: {body['message']}", run_id=body["run_id"])
    assert shared.run(body["run_id"])["state"] == "failed"
    assert shared.get("/training/status").json()["running"] is False


def test_the_request_is_stored_with_its_defaults(shared: LiveServer, tmp_path: Path) -> None:
    config = write_config(shared, "quick.yaml", 'command:\n  argv: ["true", "{train_data_dir}"]\n')
    run_id = shared.start_run(config, train_data_dir="docs", val_data_dir="data/x", overrides={})
    shared.wait_for_state(run_id, "completed")
    request = json.loads((shared.runs_dir / run_id / "run.json").read_text())["request"]
    assert request == {
        "config_name": "quick.yaml",
        "train_data_dir": os.path.abspath("docs"),
        "val_data_dir": None,  # The command does not use this folder.
        "test_data_dir": None,
        "dataset": None,
        "model_name": "model",
        "overrides": {},
        "resume_from": None,
        "gpus": None,
    }
    assert shared.run(run_id)["request"] == request


def test_a_command_gets_the_folders_it_uses(shared: LiveServer, tmp_path: Path) -> None:
    config = write_config(
        shared, "echo.yaml", 'command:\n  argv: [echo, "{train_data_dir}|{val_data_dir}|{model_name}|{config_name}"]\n'
    )
    body = problem(shared.post("/training/start", {"config_name": "echo"}), 422)
    assert set(body["errors"]) == {"train_data_dir", "val_data_dir"}
    body = problem(shared.post("/training/start", {"config_name": "echo", "val_data_dir": None}), 422)
    assert "{val_data_dir}" in body["errors"]["val_data_dir"][0]
    folders = {"train_data_dir": str(tmp_path), "val_data_dir": str(tmp_path.parent)}
    run_id = shared.start_run("echo", model_name="Größe 1.0", **folders)
    shared.wait_for_state(run_id, "completed")
    log = shared.get(f"/training/runs/{run_id}/log").json()["text"]
    assert log == f"{tmp_path}|{tmp_path.parent}|Größe 1.0|{config}\n"


def test_a_stop_answers_when_no_process_is_left(waiting: tuple[LiveServer, str, Path]) -> None:
    server, run_id, _ = waiting
    pid = server.get("/training/status").json()["pid"]
    answer = server.post("/training/stop", {"run_id": run_id, "mode": "discard"})
    assert (answer.status_code, answer.json()) == (200, {"status": "stopped", "run_id": run_id})
    assert not psutil.pid_exists(pid)
    assert server.run(run_id)["state"] == "stopped"
    assert json.loads((server.runs_dir / run_id / "stop.json").read_text())["mode"] == "discard"


@pytest.mark.parametrize("options", [{}, {"json": {}}, {"data": "", "headers": {"Content-Type": "text/plain"}}])
def test_a_stop_needs_no_body(waiting: tuple[LiveServer, str, Path], options: dict[str, Any]) -> None:
    server, run_id, _ = waiting
    answer = server.post("/training/stop", **options)
    assert (answer.status_code, answer.json()["run_id"]) == (200, run_id)


def test_a_stop_without_an_active_run_is_not_running(shared: LiveServer) -> None:
    for body in (None, {"run_id": "2000-01-01_00-00-00"}):
        answer = shared.post("/training/stop", body)
        assert answer.status_code == 200
        assert answer.json()["status"] == "not_running"


def test_a_stop_without_waiting_is_a_202(shared: LiveServer, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    config = shared.write_command("slow", "wait_for_file.py", str(tmp_path / "end"), "--slow-term", str(ready))
    run_id = shared.start_run(config)
    log = shared.runs_dir / run_id / "train.log"
    wait_until(lambda: "ready" in log.read_text(), 10)
    answer = shared.post("/training/stop?wait=0")
    assert (answer.status_code, answer.json()) == (202, {"status": "stopping", "run_id": run_id})
    status = shared.get("/training/status").json()
    assert (status["status"], status["state"]) == ("running", "stopping")
    ready.touch()
    assert shared.wait_for_state(run_id, "stopped")["reason"] is None


def test_stopping_another_run_is_a_409_and_stops_nothing(waiting: tuple[LiveServer, str, Path]) -> None:
    server, run_id, _ = waiting
    body = problem(server.post("/training/stop", {"run_id": "2000-01-01_00-00-00"}), 409)
    assert run_id in body["message"]
    assert server.get("/training/status").json()["state"] == "running"
    assert not (server.runs_dir / run_id / "stop.json").exists()


def test_status_describes_the_active_run_and_the_last_one(waiting: tuple[LiveServer, str, Path]) -> None:
    server, run_id, end = waiting
    status = server.get("/training/status").json()
    assert status == {
        "status": "running",
        "running": True,
        "pid": status["pid"],
        "run_id": run_id,
        "title": None,
        "state": "running",
        "config_name": "waiting.yaml",
        "progress": None,
        "started_at": status["started_at"],
        "active": [
            {
                name: status[name]
                for name in ("pid", "run_id", "title", "state", "config_name", "progress", "started_at")
            }
        ],
        "num_queued": 0,
        "last_run": status["last_run"],
    }
    assert psutil.pid_exists(status["pid"])
    (server.runs_dir / run_id / "output" / "progress.json").write_text('{"epoch": 1, "max_epochs": 2, "eta_s": NaN}')
    assert server.get("/training/status").json()["progress"] == {
        **{"epoch": 1, "max_epochs": 2, "eta_s": None},
        **{"source": "progress.json", "percent": 50.0, "scope": "training"},
    }
    end.touch()
    server.wait_for_state(run_id, "completed")
    idle = server.get("/training/status").json()
    assert idle["last_run"] == {"run_id": run_id, "state": "completed", "reason": None}
    nulls = dict.fromkeys(("pid", "run_id", "title", "state", "config_name", "progress", "started_at"))
    none = {"active": [], "num_queued": 0}
    assert idle == {"status": "not_running", "running": False, "last_run": idle["last_run"], **none, **nulls}


def test_status_has_the_reason_of_a_failure(shared: LiveServer) -> None:
    run_id = shared.start_run(shared.write_command("failing", "exit_with.py", "3"))
    shared.wait_for_state(run_id, "failed")
    last = shared.get("/training/status").json()["last_run"]
    assert last == {"run_id": run_id, "state": "failed", "reason": "exit code 3"}


def test_status_without_any_run(empty: LiveServer) -> None:
    assert empty.get("/training/status").json()["last_run"] is None
