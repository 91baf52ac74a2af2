"""POST /training/check says what a start would say, also of a run to resume."""

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


def test_what_cannot_be_resumed_is_a_422(shared: LiveServer) -> None:
    run = write_run(shared.runs_dir, f"2001-{time.monotonic_ns()}", "stopped")
    write_config(shared, "ours.yaml")
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


def both(server: LiveServer, request: dict[str, Any]) -> dict[str, list[str]]:
    """The errors of a start, which are the check's."""
    started, checked = (problem(server.post(f"/training/{path}", request), 422) for path in ("start", "check"))
    assert started == checked
    return dict(started["errors"])


@pytest.mark.parametrize(
    ("overrides", "field", "said"),
    [
        ({"trainer.accelerator": "mps"}, "overrides.trainer.accelerator", "this machine has no mps device"),
        ({"trainer.accelerator": "cuda"}, "overrides.trainer.accelerator", "this machine has no cuda device"),
        ({"trainer.accelerator": "cpu", "trainer.devices": [1]}, "overrides.trainer.devices", "must count from 0"),
        ({"trainer.precision": 16}, "overrides.trainer.precision", "16 needs a CUDA GPU"),
        ({"trainer.precisoin": "32"}, "overrides.trainer.precisoin", "did you mean trainer.precision"),
    ],
)
@pytest.mark.skipif(os.path.exists("/dev/nvidiactl") or os.path.exists("/dev/kfd"), reason="there is a GPU")
def test_the_check_knows_what_this_machine_lacks(
    shared: LiveServer, overrides: dict[str, Any], field: str, said: str
) -> None:
    config = write_config(shared, "ours.yaml")
    dataset = write_dataset(shared.data_dir, f"pets-{time.monotonic_ns()}").name
    errors = both(shared, {"config_name": config, "dataset": dataset, "overrides": overrides})
    assert set(errors) == {field}
    assert said in errors[field][0]


def test_the_check_compares_the_classes_of_the_splits(shared: LiveServer) -> None:
    config = write_config(shared, "ours.yaml")
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
