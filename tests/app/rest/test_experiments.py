"""GET /training/configs: the list of experiments, and a single one with its defaults or its errors."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.answers import problem, tree
from tests.app.written import OUR_EXPERIMENT, write_config
from tests.conftest import on_eventlet
from tests.servers import LiveServer


@on_eventlet
def test_experiments_are_listed_in_order(stopped_server: LiveServer) -> None:
    server = stopped_server.start()
    assert server.get("/training/configs").json() == {"available_configs": [], "problems": {}}
    for name in ("b.yaml", "a.yml", "C.yaml", ".hidden.yaml", "notes.txt"):
        write_config(server, name, OUR_EXPERIMENT)
    (server.configs_dir / "folder.yaml").mkdir()
    (server.configs_dir / "dangling.yaml").symlink_to("/no/such/file")
    names = ["C.yaml", "a.yml", "b.yaml"]
    assert server.get("/training/configs").json() == {"available_configs": names, "problems": {}}


def test_an_experiment_is_shown_with_its_defaults(shared: LiveServer) -> None:
    write_config(shared, "ours.yaml", OUR_EXPERIMENT + "trainer:\n  max_epochs: 7\n")
    for name in ("ours.yaml", "ours"):
        shown = shared.get(f"/training/configs/{name}").json()
        assert shown["trainer"]["max_epochs"] == 7
        assert set(shown) >= {"seed", "model", "data", "optimizer", "scheduler", "trainer", "checkpoint", "export"}
    write_config(shared, "other.yaml", "command:\n  argv: [a, b]\n")
    assert shared.get("/training/configs/other.yaml").json()["command"]["argv"] == ["a", "b"]


def test_an_invalid_experiment_is_a_422_with_its_errors(shared: LiveServer) -> None:
    write_config(shared, "bad.yaml", "model: 3\nseeds: 1\n")
    assert set(problem(shared.get("/training/configs/bad.yaml"), 422)["errors"]) == {"model", "seeds"}
    listed = shared.get("/training/configs").json()
    assert "bad.yaml" in listed["available_configs"]
    assert "seeds: unknown parameter" in listed["problems"]["bad.yaml"]
    assert "ours.yaml" in problem(shared.get("/training/configs/none.yaml"), 404)["message"]


def test_parameters_are_listed_for_our_trainer_an_experiment_or_a_run(shared: LiveServer) -> None:
    def parameters(query: str = "") -> dict[str, Any]:
        listed = shared.get(f"/training/parameters{query}").json()["parameters"]
        return {each["path"]: each["default"] for each in listed}

    write_config(shared, "ours.yaml", OUR_EXPERIMENT + "trainer: {max_epochs: 7}\n")
    assert parameters()["trainer.max_epochs"] == 10
    assert parameters("?config_name=ours.yaml") == parameters() | {
        "model.architecture": "ResNetForImageClassification",
        "trainer.max_epochs": 7,
    }
    write_config(shared, "other.yaml", 'command: {argv: [a, "{lr}"], parameters: {lr: 0.5}}\n')
    assert parameters("?config_name=other.yaml") == {"lr": 0.5}
    problem(shared.get("/training/parameters?config_name=none"), 404)
    problem(shared.get("/training/parameters?run_id=none"), 404)


def test_a_hydra_configuration_is_told_apart(shared: LiveServer) -> None:
    config = write_config(shared, "mnist.yaml", "# @package _global_\ndefaults:\n  - override /data: mnist\nseed: 1\n")
    advice = "this is a Hydra configuration, not an experiment. Wrap the program that reads it as a command"
    assert advice in shared.get("/training/configs").json()["problems"][config]
    assert advice in problem(shared.get(f"/training/configs/{config}"), 422)["errors"][""][0]
    for path in ("check", "start"):
        body = problem(shared.post(f"/training/{path}", {"config_name": config, "dataset": "x"}), 422)
        assert advice in body["errors"]["config_name"][0]
    write_config(shared, config, OUR_EXPERIMENT)
    assert config not in shared.get("/training/configs").json()["problems"]


BAD_YAML = {
    "an alias bomb": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "a Python object": "model: !!python/object/apply:os.system ['touch pwned']\n",
    "a tag": "model: !thing x\n",
    "a duplicate key": "seed: 1\nseed: 2\n" + OUR_EXPERIMENT,
    "not a mapping": "- a\n- b\n",
    "an empty file": "",
    "not YAML": "a: [\n",
    "two documents": "seed: 1\n---\nseed: 2\n",
    "endless nesting": "a: " + "[" * 5000,
    "a key that is not text": "1: 2\n",
    "a control character": "seed: \x07\n",
}


@pytest.mark.parametrize("text", BAD_YAML.values(), ids=BAD_YAML)
def test_bad_yaml_is_a_422_and_nothing_runs(shared: LiveServer, text: str) -> None:
    config = write_config(shared, "bad.yaml", text)
    before = tree(shared.home)
    problem(shared.get(f"/training/configs/{config}"), 422)
    problem(shared.post("/training/start", {"config_name": config}), 422)
    assert tree(shared.home) == before


def test_binary_and_huge_experiments_are_a_422(shared: LiveServer) -> None:
    for content in (b"\xff\xfe\x00", b"# " + b"x" * 10_000_000):
        (shared.configs_dir / "bad.yaml").write_bytes(content)
        problem(shared.get("/training/configs/bad.yaml"), 422)
