"""POST /training/check: it answers as a start would, also for a resume."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from tests.app.answers import problem
from tests.app.written import OUR_EXPERIMENT, write_checkpoint, write_config, write_dataset, write_run
from tests.servers import LiveServer
from trainer.experiment import strict_yaml


def test_a_run_that_cannot_be_resumed_is_a_422(shared: LiveServer) -> None:
    run = write_run(shared.runs_dir, f"2001-{time.monotonic_ns()}", "stopped")
    write_config(shared, "ours.yaml")
    dataset = write_dataset(shared.data_dir, f"pets-{time.monotonic_ns()}").name
    start = {"config_name": "ours.yaml", "dataset": dataset, "resume_from": run.name}
    assert "last.ckpt" in problem(shared.post("/training/start", start), 422)["errors"]["resume_from"][0]
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "last.ckpt").write_bytes(b"of an older version")
    assert "another version" in problem(shared.post("/training/start", start), 422)["errors"]["resume_from"][0]
    body = problem(shared.post("/training/start", {"resume_from": run.name}), 422)
    assert "command" in body["errors"]["resume_from"][0]
    (run / "config.yaml").write_text(OUR_EXPERIMENT + "seeds: 1\n")
    assert set(problem(shared.post("/training/start", {"resume_from": run.name}), 422)["errors"]) == {"seeds"}
    (run / "config.yaml").unlink()
    assert set(problem(shared.post("/training/start", {"resume_from": run.name}), 422)["errors"]) == {"resume_from"}


@pytest.mark.parametrize("path", ["/training/start", "/training/check"])
def test_a_parameter_that_a_resume_may_not_change_is_named_before_a_start(shared: LiveServer, path: str) -> None:
    run = write_run(shared.runs_dir, f"2001-{time.monotonic_ns()}", "completed")
    (run / "result.json").write_text("{}")
    content = strict_yaml.parse(OUR_EXPERIMENT) | {"trainer": {"max_epochs": 3}}
    write_checkpoint(run, content, ("cat", "dog"))
    dataset = write_dataset(shared.data_dir, f"pets-{time.monotonic_ns()}")
    write_config(shared, "ours.yaml", OUR_EXPERIMENT + "data: {image_size: 32}\noptimizer: {name: sgd}\n")

    def errors(**more: Any) -> dict[str, list[str]]:
        request = {"resume_from": run.name, "dataset": dataset.name} | more
        return dict(problem(shared.post(path, request), 422)["errors"])

    assert set(errors()) == {"trainer.max_epochs"}, "no epoch is left to train"
    changes = {"data.channels": 1, "trainer.max_epochs": 2, "optimizer.weight_decay": 0.1}
    assert set(errors(overrides=changes)) == {"overrides.data.channels"}
    assert set(errors(overrides={"trainer.max_epochs": 2})) == {"overrides.trainer.max_epochs"}
    assert set(errors(config_name="ours.yaml")) == {"data.image_size", "optimizer.name"}
    (dataset / "train" / "cat").rename(dataset / "train" / "cats")
    assert set(errors(overrides={"trainer.max_epochs": 4})) == {"train_data_dir"}


def test_a_parameter_that_a_resume_may_change_passes_the_check(shared: LiveServer) -> None:
    run = write_run(shared.runs_dir, f"2001-{time.monotonic_ns()}", "stopped")
    write_checkpoint(run, strict_yaml.parse(OUR_EXPERIMENT), ("cat", "dog"))
    dataset = write_dataset(shared.data_dir, f"pets-{time.monotonic_ns()}")
    overrides = {"optimizer.learning_rate": 0.5, "data.batch_size": 4, "early_stopping.patience": 2}
    request = {"resume_from": run.name, "dataset": dataset.name, "overrides": overrides}
    answer = shared.post("/training/check", request)
    assert answer.status_code == 200, answer.text
    state = run / "checkpoints" / "last.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"batch": 2}))
    body = problem(shared.post("/training/check", request), 422)
    assert set(body["errors"]) == {"overrides.data.batch_size"}


def errors_of_start_and_check(server: LiveServer, request: dict[str, Any]) -> dict[str, list[str]]:
    """Return the errors of a start, which are also the errors of the check."""
    started, checked = (problem(server.post(f"/training/{path}", request), 422) for path in ("start", "check"))
    assert started == checked
    return dict(started["errors"])


@pytest.mark.parametrize(
    ("overrides", "field", "expected"),
    [
        ({"trainer.accelerator": "mps"}, "overrides.trainer.accelerator", "there is no mps device for a run"),
        ({"trainer.accelerator": "cuda"}, "overrides.trainer.accelerator", "there is no cuda device for a run"),
        ({"trainer.accelerator": "cpu", "trainer.devices": [1]}, "overrides.trainer.devices", "must count from 0"),
        ({"trainer.precision": 16}, "overrides.trainer.precision", "16 needs a CUDA GPU"),
        (
            {"model.architecture": None, "model.config": {}, "model.pretrained": "./none"},
            "overrides.model.pretrained",
            "folder does not exist: ./none",
        ),
        ({"trainer.precisoin": "32"}, "overrides.trainer.precisoin", "did you mean trainer.precision"),
    ],
)
@pytest.mark.skipif(os.path.exists("/dev/nvidiactl") or os.path.exists("/dev/kfd"), reason="this machine has a GPU")
def test_the_check_knows_what_this_machine_lacks(
    shared: LiveServer, overrides: dict[str, Any], field: str, expected: str
) -> None:
    config = write_config(shared, "ours.yaml")
    dataset = write_dataset(shared.data_dir, f"pets-{time.monotonic_ns()}").name
    errors = errors_of_start_and_check(shared, {"config_name": config, "dataset": dataset, "overrides": overrides})
    assert set(errors) == {field}
    assert expected in errors[field][0]


def test_the_check_compares_the_classes_of_the_splits(shared: LiveServer) -> None:
    config = write_config(shared, "ours.yaml")
    dataset = write_dataset(shared.data_dir, f"pets-{time.monotonic_ns()}")
    (dataset / "val" / "cat").rename(dataset / "val" / "Cat")
    request = {"config_name": config, "dataset": dataset.name}
    errors = errors_of_start_and_check(shared, request)["val_data_dir"]
    assert errors == ["val lacks cat, which train has.", "val has Cat, which train lacks."]


@pytest.mark.parametrize("name", ["-rf", "--help", "-", ".hidden", "a.", " a", "a/b", "a\nb", ""])
def test_a_model_name_that_a_program_could_misread_is_refused(shared: LiveServer, name: str) -> None:
    command = shared.write_command("program", "exit_with.py", "0")
    assert set(errors_of_start_and_check(shared, {"config_name": command, "model_name": name})) == {"model_name"}


@pytest.mark.parametrize(
    ("overrides", "field", "expected"),
    [
        ({"epochs": 0}, "overrides.epochs", "must be from 1 to 9"),
        ({"epoch": 3}, "overrides.epoch", "did you mean epochs"),
        ({"command.argv": ["x"]}, "overrides.command.argv", "only be set in the experiment file"),
        ({"folder": "none"}, "command.cwd", "none cannot be the working directory"),
        ({"program": "none"}, "command.argv", "There is no program none"),
    ],
)
def test_the_parameters_of_a_command_are_checked(
    shared: LiveServer, overrides: dict[str, Any], field: str, expected: str
) -> None:
    text = """
command:
  argv: ["{program}", "{epochs}"]
  cwd: "/{folder}"
  parameters:
    epochs: {default: 5, min: 1, max: 9}
    program: {default: sh, choices: [sh, none]}
    folder: {default: tmp, choices: [tmp, none]}
"""
    request = {"config_name": write_config(shared, "parameters.yaml", text)}
    assert shared.post("/training/check", request).status_code == 200
    errors = errors_of_start_and_check(shared, request | {"overrides": overrides})
    assert set(errors) == {field}
    assert expected in errors[field][0]


@pytest.mark.parametrize(("argument", "is_refused"), [("{config_name}", True), ("config={config_name}", False)])
def test_a_config_name_that_a_program_could_misread_is_refused(
    shared: LiveServer, argument: str, is_refused: bool
) -> None:
    config = write_config(shared, "-x.yaml", f'command: {{argv: [sh, "{argument}"]}}\n')
    assert (shared.post("/training/check", {"config_name": config}).status_code == 422) == is_refused


def test_the_check_lists_what_currently_prevents_a_start(waiting: tuple[LiveServer, str, Path]) -> None:
    server, run_id, _ = waiting
    request = {"config_name": server.write_command("program", "exit_with.py", "0")}
    body = server.post("/training/check", request).json()
    (obstacle,) = body["obstacles"]
    refusal = problem(server.post("/training/start", request), 409, status="running", pid=ANY, run_id=run_id)
    assert obstacle == {"code": 409, "message": refusal["message"]}


def test_several_mistakes_can_be_told_apart_in_the_message(shared: LiveServer) -> None:
    command = "command: {argv: [echo, '{n}', '{x}'], parameters: {n: {default: 5, max: 9}, x: 0.5}}\n"
    write_config(shared, "several.yaml", command)
    start = {"config_name": "several.yaml", "overrides": {"n": 10**30, "x": "much"}}
    message = problem(shared.post("/training/check", start), 422)["message"]
    mistakes = (
        "overrides.n: must be a whole number of 64 bits",
        "overrides.n: must be at most 9",
        "overrides.x: must be a number",
    )
    assert message == f"The run cannot be started: {'; '.join(mistakes)}"
