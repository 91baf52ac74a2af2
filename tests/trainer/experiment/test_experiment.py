from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.trainings import ROOT
from trainer.experiment import experiment
from trainer.experiment.experiment import OUTPUTS, Experiment, ExperimentInvalid
from trainer.experiment.schema import walk

RESNET: dict[str, Any] = {"model": {"architecture": "ResNetForImageClassification"}}
CONFIGS = sorted((ROOT / "configs" / "experiment").glob("*.yaml"))


def errors_of(content: dict[str, Any], overrides: dict[str, object] | None = None) -> dict[str, list[str]]:
    with pytest.raises(ExperimentInvalid) as raised:
        experiment.parse(content, overrides)
    assert "\n" not in str(raised.value)
    return raised.value.errors


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_shipped_experiment_is_valid_and_survives_a_round_trip(path: Path, tmp_path: Path) -> None:
    loaded = experiment.load(path)
    copy = tmp_path / "copy.yaml"
    copy.write_text(experiment.to_yaml(loaded), encoding="utf-8")
    assert experiment.load(copy) == loaded
    assert experiment.parse(json.loads(json.dumps(experiment.dump(loaded)))) == loaded


def test_a_dump_contains_every_default() -> None:
    dumped = experiment.dump(experiment.parse(RESNET))
    assert set(dumped) == {each.name for each in fields(Experiment)} - {"command", *OUTPUTS}
    assert dumped["trainer"]["max_epochs"] == 10
    assert dumped["trainer"]["devices"] == [0]
    assert dumped["data"]["augmentation"]["rotation_deg"] == 0.0


@pytest.mark.parametrize("path", [path for path, _, hint in walk(Experiment) if is_dataclass(hint)])
def test_an_empty_section_is_as_good_as_absent(path: str) -> None:
    section, _, inner = path.partition(".")
    content = {"command": {"argv": ["true"]}} if section in ("command", *OUTPUTS) else RESNET
    if path in ("command", "model"):  # Every experiment needs one of them.
        assert errors_of({path: None}) == errors_of({})
    else:
        empty = {section: {**content.get(section, {}), inner: None} if inner else None}
        assert experiment.parse(content | empty) == experiment.parse(content)


def test_an_empty_mapping_is_as_good_as_absent_and_an_empty_list_is_not() -> None:
    command = {"argv": ["true"], "env": None, "parameters": None}
    parsed = experiment.parse({"command": command, "metrics": {"better": None, "columns": None}})
    assert parsed == experiment.parse({"command": {"argv": ["true"]}})
    assert set(errors_of({"command": {"argv": None}, "models": {"files": None}})) == {"command.argv", "models.files"}


def test_an_experiment_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        experiment.parse(RESNET).seed = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("section", "key", "message"),
    [
        ({"trainr": {}}, "trainr", "did you mean trainer"),
        ({"trainer": {"max_epoch": 3}}, "trainer.max_epoch", "did you mean trainer.max_epochs"),
        ({"trainer": {"max_epochs": "3"}}, "trainer.max_epochs", "must be a whole number; write 3 without quotes"),
        ({"trainer": {"max_epochs": 3.0}}, "trainer.max_epochs", "must be a whole number; write 3"),
        ({"trainer": {"max_epochs": 3.5}}, "trainer.max_epochs", "must be a whole number"),
        ({"trainer": {"max_epochs": True}}, "trainer.max_epochs", "must be a whole number"),
        ({"trainer": {"max_epochs": None}}, "trainer.max_epochs", "not null"),
        ({"trainer": {"max_epochs": 0}}, "trainer.max_epochs", "must be from 1 to 100,000"),
        ({"trainer": [1]}, "trainer", "must be a section"),
        ({"optimizer": "adam"}, "optimizer", "must be a section with the parameters name, learning_rate"),
        ({"trainer": {"accelerator": "gpu"}}, "trainer.accelerator", "must be one of: auto, cpu, cuda, mps"),
        ({"trainer": {"precision": 64}}, "trainer.precision", "must be one of: 32, bf16, 16"),
        ({"trainer": {"precision": None}}, "trainer.precision", "must be one of: 32, bf16, 16"),
        ({"trainer": {"precision": True}}, "trainer.precision", "must be one of: 32, bf16, 16"),
        ({"trainer": {"key": 1, "value": 2}}, "trainer.value", "unknown parameter"),
        ({"trainer": {"devices": []}}, "trainer.devices", "from 1 to 64 indices"),
        ({"trainer": {"devices": [-1]}}, "trainer.devices", "from 0"),
        ({"trainer": {"devices": [1, 1]}}, "trainer.devices", "twice"),
        ({"trainer": {"devices": [0, 1, 2]}}, "data", "a multiple of the number of trainer.devices (3)"),
        ({"trainer": {"accelerator": "cpu", "precision": "16"}}, "trainer.precision", "needs a CUDA GPU"),
        ({"trainer": {"gradient_clip_norm": 0}}, "trainer.gradient_clip_norm", "greater than 0"),
        ({"optimizer": {"learning_rate": "0.1"}}, "optimizer.learning_rate", "write 0.1 without quotes"),
        ({"optimizer": {"learning_rate": "0,1"}}, "optimizer.learning_rate", "write 0.1 without quotes"),
        ({"trainer": {"max_epochs": "1e3"}}, "trainer.max_epochs", "write 1000 without quotes"),
        ({"early_stopping": {"patience": "null"}}, "early_stopping.patience", "write null without quotes"),
        ({"seed": float("inf")}, "seed", "must be a whole number"),
        ({"loggers": "csv tensorboard"}, "loggers", 'must be a list; write ["csv", "tensorboard"]'),
        ({"loggers": "csv,tensorboard"}, "loggers", 'must be a list; write ["csv", "tensorboard"]'),
        ({"loggers": "everything"}, "loggers", "must be a list"),
        ({"data": {"mean": 0.5}}, "data.mean", "must be a list; write [0.5]"),
        ({"trainer": {"devices": 4}}, "trainer.devices", "[0] for the first GPU or [0, 1] for the first two"),
        ({"trainer": {"devices": None}}, "trainer.devices", "[0] for the first GPU or [0, 1] for the first two"),
        ({"optimizer": {"learning_rate": "high"}}, "optimizer.learning_rate", "must be a number"),
        ({"optimizer": {"learning_rate": float("nan")}}, "optimizer.learning_rate", "finite"),
        ({"optimizer": {"learning_rate": 0}}, "optimizer.learning_rate", "above 0"),
        ({"data": {"channels": 2}}, "data.channels", "1 (grey) or 3 (RGB)"),
        ({"data": {"channels": 1, "mean": [0.1, 0.2, 0.3], "std": [1]}}, "data.mean", "as many values"),
        ({"data": {"mean": [0.1, 0.2, 0.3]}}, "data.std", "belong together"),
        ({"data": {"channels": 1, "mean": [0], "std": [0]}}, "data.std", "greater than 0"),
        ({"data": {"augmentation": {"horizontal_flip": 1}}}, "data.augmentation.horizontal_flip", "true or false"),
        ({"data": {"cache": "no"}}, "data.cache", "must be true or false; write false without quotes"),
        ({"description": 1.5}, "description", 'must be text; put it in quotes: "1.5"'),
        ({"data": {"augmentation": {"rotation_deg": 181}}}, "data.augmentation.rotation_deg", "from 0 to 180"),
        ({"description": "a\0b"}, "description", "NUL"),
        ({"description": "\ud800"}, "description", "valid Unicode"),
        ({"model": RESNET["model"] | {"config": {"a": ["\ud800"]}}}, "model.config", "valid Unicode"),
        ({"model": RESNET["model"] | {"config": {"\ud800": 1}}}, "model.config", "valid Unicode"),
        ({"seed": 2**40}, "seed", "must be from 0"),
        ({"model": {}}, "model", "exactly one of"),
        ({"model": {"architecture": "ResNetForImageClassification", "pretrained": "x"}}, "model", "exactly one of"),
        ({"model": {"architecture": "os.system"}}, "model.architecture", "like ResNetForImageClassification"),
        ({"model": {"pretrained": "x", "config": {"depths": [1]}}}, "model.config", "only for architecture"),
        ({"model": RESNET["model"] | {"config": {"num_labels": 3}}}, "model.config.num_labels", "set from the data"),
        ({"model": RESNET["model"] | {"config": {"eps": float("inf")}}}, "model.config", "finite"),
        ({"model": RESNET["model"] | {"config": {"eps": 2**70}}}, "model.config", "64-bit"),
        ({"model": RESNET["model"] | {"class_path": "a.B"}}, "model", "exactly one of"),
        ({"model": {"class_path": "B"}}, "model.class_path", "like package.module.ClassName"),
        ({"model": {"class_path": "a.B", "config": {"depths": [1]}}}, "model.config", "has init_args"),
        ({"model": RESNET["model"] | {"init_args": {"a": 1}}}, "model.init_args", "only for class_path"),
        ({"optimizer": {"backbone_learning_rate": 0}}, "optimizer.backbone_learning_rate", "above 0"),
        ({"loss": {"label_smoothing": 1}}, "loss.label_smoothing", "from 0 to 0.9"),
        ({"export": {"variants": ["int4"]}}, "export.variants.0", "must be one of: fp16, int8"),
        ({"export": {"variants": ["int8", "fp16", "int8"]}}, "export.variants", "each variant once"),
        ({"loss": {"class_weights": [1, 2]}}, "loss.class_weights", "must be one of: none, balanced"),
        ({"loss": {"class_weights": "balanced"}, "data": {"sampling": "balanced"}}, "loss", "not both"),
        ({"data": {"mixing": {"mixup_alpha": -1}}}, "data.mixing.mixup_alpha", "from 0 to 10"),
        ({"trainer": {"ema_decay": 1}}, "trainer.ema_decay", "from 0.1"),
        ({"trainer": {"freeze_backbone_epochs": -1}}, "trainer.freeze_backbone_epochs", "from 0"),
        ({"command": {"argv": ["x"]}}, "model", "not allowed together with command"),
    ],
)
def test_a_mistake_is_reported_with_its_path(section: dict[str, Any], key: str, message: str) -> None:
    assert message in " ".join(errors_of(RESNET | section)[key])


def test_all_mistakes_are_reported_at_once() -> None:
    found = errors_of({"model": {"architectur": "x"}, "data": {"batch_size": 0, "chanels": 1}, "seed": -1})
    assert set(found) == {"model.architectur", "data.batch_size", "data.chanels", "seed"}


@pytest.mark.parametrize(("precision", "read"), [(32, "32"), (16, "16"), ("BF16", "bf16"), ("32", "32")])
def test_a_choice_may_be_written_as_a_number_or_in_capitals(precision: object, read: str) -> None:
    assert experiment.parse(RESNET | {"trainer": {"precision": precision}}).trainer.precision == read


@pytest.mark.parametrize("text", ["", "- a", "just text", "3"])
def test_a_file_that_is_not_a_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(ExperimentInvalid) as raised:
        experiment.load(path)
    assert list(raised.value.errors) == [""]


# overrides


def test_overrides_replace_single_values_by_path() -> None:
    overrides: dict[str, object] = {"trainer.max_epochs": 3, "model.config.depths": [1], "data.augmentation.scale": 0.1}
    changed = experiment.parse(RESNET, overrides)
    assert (changed.trainer.max_epochs, changed.model.config, changed.data.augmentation.scale) == (
        3,
        {"depths": [1]},
        0.1,
    )
    assert RESNET == {"model": {"architecture": "ResNetForImageClassification"}}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("trainer.max_epoch", "did you mean trainer.max_epochs"),
        ("max_epochs", "did you mean"),
        ("trainer", "is a section; set one of trainer.max_epochs"),
        ("", "unknown parameter"),
        ("trainer.max_epochs.x", "unknown parameter"),
        ("command", "set in the experiment file"),
        ("model.class_path", "set in the experiment file"),
        ("command.argv", "set in the experiment file"),
        ("model.architecture.x", "unknown parameter"),
    ],
)
def test_an_override_of_something_else_is_refused(path: str, message: str) -> None:
    assert message in " ".join(errors_of(RESNET, {path: 1})[f"overrides.{path}"])


def test_the_value_of_an_override_is_checked_like_the_file() -> None:
    assert errors_of(RESNET, {"trainer.max_epochs": "3"}) == {
        "trainer.max_epochs": ["must be a whole number; write 3 without quotes"]
    }


def test_every_parameter_can_be_overridden_by_its_path() -> None:
    dumped = experiment.dump(experiment.parse(RESNET))
    for path in experiment.list_parameters():
        value: Any = dumped
        for name in path.split("."):
            value = value[name]
        assert experiment.dump(experiment.parse(RESNET, {path: value})) == dumped


# command


def test_the_placeholders_of_a_command_are_filled_in() -> None:
    loaded = experiment.parse({"command": {"argv": ["run", "--out={run_dir}/x", "{{run_dir}}", "{model_name}"]}})
    assert loaded.command is not None
    assert loaded.command.placeholders() == {"run_dir", "model_name"}
    filled = loaded.command.fill({"run_dir": "/a {b}", "model_name": "m"})
    assert filled.argv == ("run", "--out=/a {b}/x", "{run_dir}", "m")


def test_the_folder_and_the_variables_of_a_command_are_filled_in_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    content = {"argv": ["~/bin/run", "--data=~"], "cwd": "~/{model_name}", "env": {"A": "{output_dir}/a", "B": "~"}}
    command = experiment.parse({"command": content}).command
    assert command is not None
    assert command.placeholders() == {"output_dir", "model_name"}
    filled = command.fill({"output_dir": "/o", "model_name": "~m"})
    assert filled.argv == ("/home/me/bin/run", "--data=~"), "as in a shell: only at the start of a word"
    assert (filled.cwd, filled.env) == ("/home/me/~m", {"A": "/o/a", "B": "/home/me"})


def test_a_dumped_command_has_no_trainer_parameters() -> None:
    loaded = experiment.parse({"command": {"argv": ["x", "1e-3"], "env": {"A": "1"}}})
    assert set(experiment.dump(loaded)) == {"description", "command", *OUTPUTS}
    assert experiment.parse(experiment.dump(loaded)) == loaded


@pytest.mark.parametrize(
    ("command", "key", "message"),
    [
        ({}, "command.argv", "is required"),
        ({"argv": []}, "command.argv", "must name a program"),
        ({"argv": [" "]}, "command.argv", "name of a program"),
        ({"argv": "ls -l"}, "command.argv", "must be a list"),
        ({"argv": ["a", 3]}, "command.argv.1", "must be text; put it in quotes"),
        ({"argv": ["a\0b"]}, "command.argv.0", "NUL"),
        ({"argv": ["\ud800"]}, "command.argv.0", "valid Unicode"),
        ({"argv": ["a"], "env": {"\ud800": "x"}}, "command.env", "valid Unicode"),
        ({"argv": ["{run_dri}"]}, "command.argv", "{run_dir} {config_name} {train_data_dir}"),
        ({"argv": ["a", "{"]}, "command.argv", "not a placeholder"),
        ({"argv": ["a", "{}"]}, "command.argv", "not a placeholder"),
        ({"argv": ["a"], "cwd": "{home}"}, "command.cwd", '"{home}" is not a placeholder'),
        ({"argv": ["a"], "cwd": " "}, "command.cwd", "must name a folder"),
        ({"argv": ["a"], "env": {"A": "{out}"}}, "command.env", '"{out}" is not a placeholder'),
        ({"argv": ["a"], "stop": {"signal": "SIGKILL"}}, "command.stop.signal", "must be one of: SIGTERM, SIGINT"),
        ({"argv": ["a"], "stop": {"signal": 2}}, "command.stop.signal", "must be one of"),
        ({"argv": ["a"], "stop": {"grace_s": -1}}, "command.stop.grace_s", "must be from 0"),
        ({"argv": ["a"], "stop": {"grace": 1}}, "command.stop.grace", "did you mean command.stop.grace_s"),
        ({"argv": ["a"], "env": {"A": 1}}, "command.env.A", "must be text"),
        ({"argv": ["a"], "env": {"A=B": "1"}}, "command.env", "cannot be set"),
        ({"argv": ["a"], "env": {"TRAINER_RUN_DIR": "1"}}, "command.env", "cannot be set"),
        ({"argv": ["a"], "env": {"TRAINER_OUTPUT_DIR": "1"}}, "command.env", "cannot be set"),
        ({"argv": ["a"], "shell": True}, "command.shell", "unknown parameter"),
    ],
)
def test_a_mistake_in_a_command_is_reported(command: dict[str, Any], key: str, message: str) -> None:
    assert message in " ".join(errors_of({"command": command})[key])


def test_an_experiment_without_a_model_or_a_command_is_refused() -> None:
    assert list(errors_of({})) == ["model"]
    assert list(errors_of({"command": None})) == ["model"]


def test_importing_the_module_does_not_import_torch() -> None:
    heavy = "{'torch', 'lightning', 'transformers', 'flask', 'numpy'}"
    code = f"import sys, trainer.experiment.experiment; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("trainer", "devices", 4),
        ("trainer", "devices", "4"),
        ("trainer", "max_epochs", "1,000"),
        ("trainer", "max_epochs", "1.000"),
        ("data", "value_range", "0,255"),
    ],
)
def test_nothing_is_suggested_for_a_value_that_may_mean_two_things(section: str, name: str, value: object) -> None:
    assert "write" not in errors_of(RESNET | {section: {name: value}})[f"{section}.{name}"][0]
