"""POST /training/start and /stop, GET /training/status, /configs and /datasets, as their table promises."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import psutil
import pytest

from tests.app.answers import problem, tree
from tests.app.written import write_checkpoint, write_dataset, write_images, write_run
from tests.servers import LiveServer
from tests.waiting import wait_until
from trainer.experiment import strict_yaml

OUR_EXPERIMENT = "model:\n  architecture: ResNetForImageClassification\n"


def write_config(server: LiveServer, name: str, text: str) -> str:
    (server.configs_dir / name).write_text(text, encoding="utf-8")
    return name


@pytest.fixture
def waiting(shared: LiveServer, tmp_path: Path) -> tuple[LiveServer, str, Path]:
    """A run that is active until its file appears."""
    end = tmp_path / "end"
    config = shared.write_command("waiting", "wait_for_file.py", str(end), "--on-term", "0")
    return shared, shared.start_run(config), end


def test_a_start_answers_with_the_running_program(shared: LiveServer, tmp_path: Path) -> None:
    config = shared.write_command("program", "wait_for_file.py", str(tmp_path / "end"))
    answer = shared.post("/training/start", {"config_name": config})
    assert answer.status_code == 200
    body = answer.json()
    assert body == {"status": "started", "pid": body["pid"], "run_id": body["run_id"]}
    assert "wait_for_file.py" in " ".join(psutil.Process(body["pid"]).cmdline())
    assert (shared.runs_dir / body["run_id"]).is_dir()


def test_a_start_says_what_is_missing(shared: LiveServer) -> None:
    missing = ("config_name", "train_data_dir", "val_data_dir", "test_data_dir")
    assert set(problem(shared.post("/training/start", {}), 422)["errors"]) == set(missing)
    nulls = dict.fromkeys(missing)
    assert set(problem(shared.post("/training/start", nulls), 422)["errors"]) == set(missing)
    assert set(problem(shared.post("/training/start"), 422)["errors"]) == set(missing)
    config = write_config(shared, "ours.yaml", OUR_EXPERIMENT)
    for given in (missing[:1], missing[:2], missing[:3]):
        body = {name: str(shared.data_dir) for name in given} | {"config_name": config}
        assert set(problem(shared.post("/training/start", body), 422)["errors"]) >= set(missing) - set(given)


def test_an_unknown_experiment_is_a_404_that_lists_what_there_is(shared: LiveServer) -> None:
    write_config(shared, "known.yaml", OUR_EXPERIMENT)
    body = problem(shared.post("/training/start", {"config_name": "unknown.yaml"}), 404)
    assert "unknown.yaml" in body["message"]
    assert "known.yaml" in body["message"].split()[-1] or "known.yaml," in body["message"]


def test_an_unknown_dataset_or_run_is_a_404(shared: LiveServer) -> None:
    config = write_config(shared, "ours.yaml", OUR_EXPERIMENT)
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


def test_folders_that_cannot_be_used_are_a_422_by_field(shared: LiveServer, tmp_path: Path) -> None:
    config = write_config(shared, "ours.yaml", OUR_EXPERIMENT)
    (tmp_path / "file").write_text("")
    (tmp_path / "no-classes").mkdir()
    write_images(tmp_path / "no-images", cat=0)
    for folder in ("none", "file", "no-classes", "no-images"):
        wrong = str(tmp_path / folder)
        fields = dict.fromkeys(("train_data_dir", "val_data_dir", "test_data_dir"), wrong)
        body = problem(shared.post("/training/start", {"config_name": config, **fields}), 422)
        assert set(body["errors"]) == set(fields)
        assert all(wrong in texts[0] for texts in body["errors"].values())


def test_an_invalid_experiment_is_a_422_by_key(shared: LiveServer) -> None:
    dataset = write_dataset(shared.data_dir, f"pets-{time.monotonic_ns()}").name
    config = write_config(shared, "wrong.yaml", OUR_EXPERIMENT + "trainer:\n  max_epochs: -1\n  epochs: 3\n")
    errors = problem(shared.post("/training/start", {"config_name": config, "dataset": dataset}), 422)["errors"]
    assert set(errors) == {"trainer.max_epochs", "trainer.epochs"}
    config = write_config(shared, "ours.yaml", OUR_EXPERIMENT)
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


def test_a_program_that_is_not_there_is_a_422_in_check_and_start(shared: LiveServer) -> None:
    config = write_config(shared, "absent.yaml", "command:\n  argv: [/no/such/program]\n")
    for path in ("check", "start"):
        told = problem(shared.post(f"/training/{path}", {"config_name": config}), 422)
        assert told["errors"] == {"command.argv": ["There is no program /no/such/program."]}
    assert not [run for run in shared.get("/training/metrics/runs").json() if run["config_name"] == config]


def test_a_program_that_cannot_be_launched_is_a_500_that_says_why(shared: LiveServer, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF\0 of another machine")
    program.chmod(0o755)
    config = write_config(shared, "absent.yaml", f"command:\n  argv: [{program}]\n")
    answer = shared.post("/training/start", {"config_name": config})
    told = answer.json()
    assert str(program) in told["message"]
    problem(answer, 500, status=f"error: {told['message']}", run_id=told["run_id"])
    assert shared.run(told["run_id"])["state"] == "failed"
    assert shared.get("/training/status").json()["running"] is False


def test_the_request_is_kept_with_its_defaults(shared: LiveServer, tmp_path: Path) -> None:
    config = write_config(shared, "quick.yaml", 'command:\n  argv: ["true", "{train_data_dir}"]\n')
    run_id = shared.start_run(config, train_data_dir="docs", val_data_dir="data/x", overrides={})
    shared.wait_for_state(run_id, "completed")
    request = json.loads((shared.runs_dir / run_id / "run.json").read_text())["request"]
    assert request == {
        "config_name": "quick.yaml",
        "train_data_dir": os.path.abspath("docs"),
        "val_data_dir": None,  # the program does not get it
        "test_data_dir": None,
        "dataset": None,
        "model_name": "model",
        "overrides": {},
        "resume_from": None,
    }
    assert shared.run(run_id)["request"] == request


def test_a_command_gets_the_folders_it_uses(shared: LiveServer, tmp_path: Path) -> None:
    config = write_config(
        shared, "echo.yaml", 'command:\n  argv: [echo, "{train_data_dir}|{val_data_dir}|{model_name}|{config_name}"]\n'
    )
    told = problem(shared.post("/training/start", {"config_name": "echo"}), 422)
    assert set(told["errors"]) == {"train_data_dir", "val_data_dir"}
    told = problem(shared.post("/training/start", {"config_name": "echo", "val_data_dir": None}), 422)
    assert "{val_data_dir}" in told["errors"]["val_data_dir"][0]
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


def test_a_stop_while_idle_says_so(shared: LiveServer) -> None:
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
    told = problem(server.post("/training/stop", {"run_id": "2000-01-01_00-00-00"}), 409)
    assert run_id in told["message"]
    assert server.get("/training/status").json()["state"] == "running"
    assert not (server.runs_dir / run_id / "stop.json").exists()


def test_status_tells_what_runs_and_what_ran_last(waiting: tuple[LiveServer, str, Path]) -> None:
    server, run_id, end = waiting
    status = server.get("/training/status").json()
    assert status == {
        "status": "running",
        "running": True,
        "pid": status["pid"],
        "run_id": run_id,
        "state": "running",
        "config_name": "waiting.yaml",
        "progress": None,
        "started_at": status["started_at"],
        "last_run": status["last_run"],
    }
    assert psutil.pid_exists(status["pid"])
    (server.runs_dir / run_id / "output" / "progress.json").write_text('{"epoch": 1, "max_epochs": 2, "eta_s": NaN}')
    assert server.get("/training/status").json()["progress"] == {"epoch": 1, "max_epochs": 2, "eta_s": None}
    end.touch()
    server.wait_for_state(run_id, "completed")
    idle = server.get("/training/status").json()
    assert idle["last_run"] == {"run_id": run_id, "state": "completed", "reason": None}
    nothing = dict.fromkeys(("pid", "run_id", "state", "config_name", "progress", "started_at"))
    assert idle == {"status": "not_running", "running": False, "last_run": idle["last_run"], **nothing}


def test_status_tells_the_reason_of_a_failure(shared: LiveServer) -> None:
    run_id = shared.start_run(shared.write_command("failing", "exit_with.py", "3"))
    shared.wait_for_state(run_id, "failed")
    last = shared.get("/training/status").json()["last_run"]
    assert last == {"run_id": run_id, "state": "failed", "reason": "exit code 3"}


def test_status_without_any_run(server: LiveServer) -> None:
    assert server.get("/training/status").json()["last_run"] is None


def test_experiments_are_listed_sorted(stopped_server: LiveServer) -> None:
    server = stopped_server.start()
    assert server.get("/training/configs").json() == {"available_configs": []}
    for name in ("b.yaml", "a.yml", "C.yaml", ".hidden.yaml", "notes.txt"):
        write_config(server, name, OUR_EXPERIMENT)
    (server.configs_dir / "folder.yaml").mkdir()
    (server.configs_dir / "dangling.yaml").symlink_to("/no/such/file")
    assert server.get("/training/configs").json() == {"available_configs": ["C.yaml", "a.yml", "b.yaml"]}


def test_an_experiment_is_shown_with_its_defaults(shared: LiveServer) -> None:
    write_config(shared, "ours.yaml", OUR_EXPERIMENT + "trainer:\n  max_epochs: 7\n")
    for name in ("ours.yaml", "ours"):
        shown = shared.get(f"/training/configs/{name}").json()
        assert shown["trainer"]["max_epochs"] == 7
        assert set(shown) >= {"seed", "model", "data", "optimizer", "scheduler", "trainer", "checkpoint", "export"}
    write_config(shared, "other.yaml", "command:\n  argv: [a, b]\n")
    assert shared.get("/training/configs/other.yaml").json()["command"]["argv"] == ["a", "b"]


def test_an_invalid_experiment_is_shown_by_its_errors(shared: LiveServer) -> None:
    write_config(shared, "bad.yaml", "model: 3\nseeds: 1\n")
    assert set(problem(shared.get("/training/configs/bad.yaml"), 422)["errors"]) == {"model", "seeds"}
    assert "bad.yaml" in shared.get("/training/configs").json()["available_configs"]
    assert "ours.yaml" in problem(shared.get("/training/configs/none.yaml"), 404)["message"]


BAD_YAML = {
    "a bomb of aliases": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "an object of Python": "model: !!python/object/apply:os.system ['touch pwned']\n",
    "a tag": "model: !thing x\n",
    "a key given twice": "seed: 1\nseed: 2\n" + OUR_EXPERIMENT,
    "no mapping": "- a\n- b\n",
    "nothing": "",
    "no YAML": "a: [\n",
    "two documents": "seed: 1\n---\nseed: 2\n",
    "endless nesting": "a: " + "[" * 5000,
    "a key that is no text": "1: 2\n",
    "a control character": "seed: \x07\n",
}


@pytest.mark.parametrize("text", BAD_YAML.values(), ids=BAD_YAML)
def test_bad_yaml_is_a_422_and_nothing_runs(shared: LiveServer, text: str) -> None:
    config = write_config(shared, "bad.yaml", text)
    before = tree(shared.home)
    problem(shared.get(f"/training/configs/{config}"), 422)
    problem(shared.post("/training/start", {"config_name": config}), 422)
    assert tree(shared.home) == before


def test_a_binary_and_a_huge_experiment_are_422(shared: LiveServer) -> None:
    for content in (b"\xff\xfe\x00", b"# " + b"x" * 10_000_000):
        (shared.configs_dir / "bad.yaml").write_bytes(content)
        problem(shared.get("/training/configs/bad.yaml"), 422)


def test_what_cannot_be_resumed_is_a_422(shared: LiveServer) -> None:
    run = write_run(shared.runs_dir, f"2001-{time.monotonic_ns()}", "stopped")
    write_config(shared, "ours.yaml", OUR_EXPERIMENT)
    dataset = write_dataset(shared.data_dir, f"pets-{time.monotonic_ns()}").name
    start = {"config_name": "ours.yaml", "dataset": dataset, "resume_from": run.name}
    assert "last.ckpt" in problem(shared.post("/training/start", start), 422)["errors"]["resume_from"][0]
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "last.ckpt").write_bytes(b"of an older version")
    assert "another version" in problem(shared.post("/training/start", start), 422)["errors"]["resume_from"][0]
    told = problem(shared.post("/training/start", {"resume_from": run.name}), 422)
    assert "command" in told["errors"]["resume_from"][0]
    (run / "config.yaml").write_text(OUR_EXPERIMENT + "seeds: 1\n")
    assert set(problem(shared.post("/training/start", {"resume_from": run.name}), 422)["errors"]) == {"seeds"}
    (run / "config.yaml").unlink()
    assert set(problem(shared.post("/training/start", {"resume_from": run.name}), 422)["errors"]) == {"resume_from"}


@pytest.mark.parametrize("path", ["/training/start", "/training/check"])
def test_what_must_stay_on_a_resume_is_named_before_anything_starts(shared: LiveServer, path: str) -> None:
    run = write_run(shared.runs_dir, f"2001-{time.monotonic_ns()}", "completed")
    (run / "result.json").write_text("{}")
    content = strict_yaml.parse(OUR_EXPERIMENT) | {"trainer": {"max_epochs": 3}}
    write_checkpoint(run, content, ("cat", "dog"))
    dataset = write_dataset(shared.data_dir, f"pets-{time.monotonic_ns()}")
    write_config(shared, "ours.yaml", OUR_EXPERIMENT + "data: {image_size: 32}\noptimizer: {name: sgd}\n")

    def errors(**more: Any) -> dict[str, list[str]]:
        asked = {"resume_from": run.name, "dataset": dataset.name} | more
        return dict(problem(shared.post(path, asked), 422)["errors"])

    assert set(errors()) == {"trainer.max_epochs"}, "nothing is left to train"
    changes = {"data.channels": 1, "trainer.max_epochs": 2, "optimizer.weight_decay": 0.1}
    assert set(errors(overrides=changes)) == {"overrides.data.channels"}
    assert set(errors(overrides={"trainer.max_epochs": 2})) == {"overrides.trainer.max_epochs"}
    assert set(errors(config_name="ours.yaml")) == {"data.image_size", "optimizer.name"}
    (dataset / "train" / "cat").rename(dataset / "train" / "cats")
    assert set(errors(overrides={"trainer.max_epochs": 4})) == {"train_data_dir"}


def test_what_may_change_on_a_resume_passes_the_check(shared: LiveServer) -> None:
    run = write_run(shared.runs_dir, f"2001-{time.monotonic_ns()}", "stopped")
    write_checkpoint(run, strict_yaml.parse(OUR_EXPERIMENT), ("cat", "dog"))
    dataset = write_dataset(shared.data_dir, f"pets-{time.monotonic_ns()}")
    overrides = {"optimizer.learning_rate": 0.5, "data.batch_size": 4, "early_stopping.patience": 2}
    asked = {"resume_from": run.name, "dataset": dataset.name, "overrides": overrides}
    answer = shared.post("/training/check", asked)
    assert answer.status_code == 200, answer.text
    state = run / "checkpoints" / "last.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"batch": 2}))
    told = problem(shared.post("/training/check", asked), 422)
    assert set(told["errors"]) == {"overrides.data.batch_size"}


# ---- the check says what the start says ----


def both(server: LiveServer, request: dict[str, Any]) -> dict[str, list[str]]:
    """The errors of a start, which are the check's."""
    started, checked = (problem(server.post(f"/training/{path}", request), 422) for path in ("start", "check"))
    assert started == checked
    return dict(started["errors"])


@pytest.mark.parametrize(
    ("overrides", "field", "said"),
    [
        ({"trainer.accelerator": "mps"}, "overrides.trainer.accelerator", "there is no mps device here"),
        ({"trainer.accelerator": "cuda"}, "overrides.trainer.accelerator", "there is no cuda device here"),
        ({"trainer.accelerator": "cpu", "trainer.devices": [1]}, "overrides.trainer.devices", "must count from 0"),
        ({"trainer.precision": 16}, "overrides.trainer.precision", "16 needs a CUDA GPU"),
        ({"trainer.precisoin": "32"}, "overrides.trainer.precisoin", "did you mean trainer.precision"),
    ],
)
@pytest.mark.skipif(os.path.exists("/dev/nvidiactl") or os.path.exists("/dev/kfd"), reason="there is a GPU")
def test_the_check_knows_what_this_machine_lacks(
    shared: LiveServer, overrides: dict[str, Any], field: str, said: str
) -> None:
    config = write_config(shared, "ours.yaml", OUR_EXPERIMENT)
    dataset = write_dataset(shared.data_dir, f"pets-{time.monotonic_ns()}").name
    errors = both(shared, {"config_name": config, "dataset": dataset, "overrides": overrides})
    assert set(errors) == {field}
    assert said in errors[field][0]


def test_the_check_compares_the_classes_of_the_splits(shared: LiveServer) -> None:
    config = write_config(shared, "ours.yaml", OUR_EXPERIMENT)
    dataset = write_dataset(shared.data_dir, f"pets-{time.monotonic_ns()}")
    (dataset / "val" / "cat").rename(dataset / "val" / "Cat")
    asked = {"config_name": config, "dataset": dataset.name}
    errors = both(shared, asked)["val_data_dir"]
    assert errors == ["val lacks cat, which train has.", "val has Cat, which train lacks."]


@pytest.mark.parametrize("name", ["-rf", "--help", "-", ".hidden", "a.", " a", "a/b", "a\nb", ""])
def test_a_name_that_a_program_could_take_for_something_else_is_refused(shared: LiveServer, name: str) -> None:
    command = shared.write_command("program", "exit_with.py", "0")
    assert set(both(shared, {"config_name": command, "model_name": name})) == {"model_name"}


def test_the_check_says_what_is_in_the_way_at_this_moment(waiting: tuple[LiveServer, str, Path]) -> None:
    server, run_id, _ = waiting
    request = {"config_name": server.write_command("program", "exit_with.py", "0")}
    body = server.post("/training/check", request).json()
    (obstacle,) = body["obstacles"]
    refusal = problem(server.post("/training/start", request), 409, status="running", pid=ANY, run_id=run_id)
    assert obstacle == {"code": 409, "message": refusal["message"]}
