"""The parameters of a command, and the arguments by which it resumes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trainer.experiment import experiment, resume_arguments, strict_yaml
from trainer.experiment.command import Command
from trainer.experiment.describe import describe_parameters
from trainer.experiment.experiment import Experiment, ExperimentInvalid

PARAMETERS: dict[str, Any] = {
    "epochs": {"default": 5, "min": 1, "max": 1000, "doc": "passes over the data"},
    "lr": 0.001,
    "amp": False,
    "size": {"default": "small", "choices": ["small", "large"]},
    "steps": {"default": 16, "choices": [16, 32]},
    "trainer.note-1": "a note",
}
ARGV = ["train", "{epochs}", "--lr={lr}", "{amp}", "{size}", "{steps}", "{trainer.note-1}"]


def load(overrides: dict[str, object] | None = None, **more: Any) -> Experiment:
    return experiment.parse({"command": {"argv": ARGV, "parameters": PARAMETERS} | more}, overrides)


def command_of(loaded: Experiment) -> Command:
    assert loaded.command is not None
    return loaded.command


def errors_of(content: dict[str, Any], overrides: dict[str, object] | None = None) -> dict[str, list[str]]:
    with pytest.raises(ExperimentInvalid) as raised:
        experiment.parse({"command": content}, overrides)
    return raised.value.errors


def test_parameters_reach_the_program_as_one_argument_each() -> None:
    filled = command_of(load(env={"A": "{lr}"}, cwd="/{size}")).fill({})
    assert filled.argv == ("train", "5", "--lr=0.001", "false", "small", "16", "a note")
    assert (filled.env, filled.cwd) == ({"A": "0.001"}, "/small")


@pytest.mark.parametrize(
    ("name", "value", "argument"),
    [
        ("epochs", 3, "3"),
        ("lr", 1, "--lr=1.0"),
        ("lr", 1e-5, "--lr=1e-05"),
        ("lr", -2.5, "--lr=-2.5"),
        ("amp", True, "true"),
        ("size", "large", "large"),
        ("steps", 32, "32"),
        ("trainer.note-1", '$(rm x) "{lr}" ~ \n', '$(rm x) "{lr}" ~ \n'),
        ("trainer.note-1", "", ""),
    ],
)
def test_an_override_sets_a_parameter(name: str, value: object, argument: str) -> None:
    loaded = load({name: value})
    assert argument in command_of(loaded).fill({}).argv
    assert command_of(loaded).values()[name] == value
    assert strict_yaml.parse(experiment.to_yaml(loaded))["command"]["parameters"][name]["default"] == value
    assert experiment.parse(experiment.dump(loaded)) == loaded


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", 0, "must be from 1 to 1,000"),
        ("epochs", "3", "must be a whole number; write 3 without quotes"),
        ("epochs", 3.0, "must be a whole number; write 3"),
        ("epochs", True, "must be a whole number"),
        ("epochs", None, "not null"),
        ("epochs", [3], "must be a whole number"),
        ("lr", float("inf"), "must be finite"),
        ("lr", 10**400, "must be finite"),
        ("amp", 1, "must be true or false"),
        ("size", "big", "must be one of: small, large"),
        ("steps", 8, "must be one of: 16, 32"),
        ("trainer.note-1", 3, 'must be text; put it in quotes: "3"'),
        ("trainer.note-1", "a\0b", "NUL"),
        ("trainer.note-1", "--config=other", "must not begin with -"),
        ("epoch", 3, "did you mean epochs"),
        ("xyz", 3, "known are epochs, lr, amp, size, steps"),
        ("command.argv", ["x"], "can only be set in the experiment file"),
        ("command", {}, "can only be set in the experiment file"),
        ("metrics.monitor", "x", "can only be set in the experiment file"),
        ("description", "x", "can only be set in the experiment file"),
        ("seed", 3, "unknown parameter"),
    ],
)
def test_a_wrong_override_is_named(name: str, value: object, message: str) -> None:
    errors = errors_of({"argv": ARGV, "parameters": PARAMETERS}, {name: value})
    assert list(errors) == [f"overrides.{name}"]
    assert message in errors[f"overrides.{name}"][0]


def test_a_command_without_parameters_says_so() -> None:
    assert "has none" in errors_of({"argv": ["x"]}, {"epochs": 3})["overrides.epochs"][0]


@pytest.mark.parametrize("argument", ["--note={note}", "x{note}"])
def test_a_text_may_begin_with_a_dash_where_no_argument_begins_with_it(argument: str) -> None:
    content = {"command": {"argv": ["x", argument], "parameters": {"note": "a"}}}
    assert command_of(experiment.parse(content, {"note": "-1"})).fill({}).argv[1].endswith("-1")


@pytest.mark.parametrize(("amp", "expected"), [(True, ("x", "--amp", "1")), (False, ("x", "1"))])
def test_a_flag_is_given_if_its_parameter_is_true(amp: bool, expected: tuple[str, ...]) -> None:
    content = {"argv": ["x", "{amp?--amp}", "1"], "parameters": {"amp": False}, "resume": ["-r", "{amp?--keep-amp}"]}
    command = command_of(experiment.parse({"command": content}, {"amp": amp}))
    assert command.fill({}).argv == expected
    assert command.fill({}, Path("/o")).argv == (*expected, "-r", *["--keep-amp"] * amp)


@pytest.mark.parametrize(
    "content",
    [
        {"argv": ["{amp?x}", "y"]},
        {"argv": ["x", "--{amp?amp}"]},
        {"argv": ["x", "{lr?--lr}"]},
        {"argv": ["x", "{model_name?--name}"]},
        {"argv": ["x", "{amp?}"]},
        {"argv": ["x"], "env": {"A": "{amp?1}"}},
        {"argv": ["x"], "cwd": "{amp?1}"},
    ],
)
def test_a_flag_is_a_whole_argument_of_a_boolean(content: dict[str, Any]) -> None:
    parameters = {"amp": False, "lr": 0.1}
    errors = errors_of(content | {"parameters": parameters, "resume": ["{amp?-a}", "{lr}"]})
    assert 'must be a whole argument, such as "{amp?--amp}"' in " ".join(
        text for texts in errors.values() for text in texts
    )


@pytest.mark.parametrize(
    ("declared", "key", "message"),
    [
        ({"default": None}, "a.default", "a number or a text, not null"),
        (None, "a", "must be a section with the parameters default"),
        ([1], "a.default", "a number or a text"),
        ({"min": 1}, "a.default", "is required"),
        ({"default": 1, "maximum": 3}, "a.maximum", "known are command.parameters.a.default"),
        ({"default": 1, "min": 0.5}, "a.min", "must be a whole number, as the default is one"),
        ({"default": 1, "min": True}, "a.min", "must be a whole number"),
        ({"default": 1, "min": 2, "max": 1}, "a.min", "must not be above max"),
        ({"default": 5, "max": 1}, "a.default", "must be at most 1"),
        ({"default": 0, "min": 1}, "a.default", "must be at least 1"),
        ({"default": 2**63}, "a.default", "64 bits"),
        ({"default": "x", "max": 1}, "a.max", "only for a number"),
        ({"default": True, "min": 1}, "a.min", "only for a number"),
        ({"default": True, "choices": [True]}, "a.choices", "the default is a boolean"),
        ({"default": 1, "choices": [2, 3]}, "a.default", "must be one of: 2, 3"),
        ({"default": 1, "choices": [1, "x"]}, "a.choices.1", "must be a whole number"),
        ({"default": 1, "choices": [1, 1]}, "a.choices", "must differ"),
        ({"default": 1, "doc": 3}, "a.doc", "must be text"),
    ],
)
def test_a_mistake_in_a_declaration_is_reported(declared: object, key: str, message: str) -> None:
    errors = errors_of({"argv": ["x", "{a}"], "parameters": {"a": declared}})
    assert message in " ".join(errors[f"command.parameters.{key}"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("output_dir", "the service fills in {output_dir}"),
        ("resume_dir", "the service fills in {resume_dir}"),
        ("model_name", "the service fills in {model_name}"),
        ("1st", "a name of letters, digits"),
        ("a b", "a name of letters, digits"),
        ("unused", "has no effect; put {unused} into argv"),
    ],
)
def test_a_name_that_cannot_be_a_parameter_is_refused(name: str, message: str) -> None:
    argv = ["x"] if name == "unused" else ["x", f"{{{name}}}"]
    assert message in errors_of({"argv": argv, "parameters": {name: 1}})[f"command.parameters.{name}"][0]


@pytest.mark.parametrize(
    "content",
    [
        {"argv": ["{a}"]},
        {"argv": ["bin/{a}", "x"]},
        {"argv": ["./x"], "cwd": "projects/{a}"},
        {"argv": ["sh", "-c", "train {a}"]},
        {"argv": ["/bin/bash", "-l", "-ec", "train {a}"]},
        {"argv": ["python3.11", "-c", "print('{a}')"]},
        {"argv": ["sh", "{b?-e}", "-c", "train {a}"], "parameters": {"b": True}},
    ],
)
def test_a_text_that_would_choose_the_code_needs_choices(content: dict[str, Any]) -> None:
    others = content.get("parameters", {})
    errors = errors_of(content | {"parameters": {"a": "x"} | others})
    assert "give it choices" in errors["command.parameters.a"][0]
    declared = {"default": "x", "choices": ["x", "y"]}
    assert experiment.parse({"command": content | {"parameters": {"a": declared} | others}})


def test_a_text_may_be_an_argument_of_a_script() -> None:
    argv = ["sh", "-c", 'train --name "$1"', "sh", "{a}"]
    assert experiment.parse({"command": {"argv": argv, "parameters": {"a": "x"}}})
    assert experiment.parse({"command": {"argv": ["train", "-c", "{a}"], "parameters": {"a": "x"}}})


@pytest.mark.parametrize("text", ["command: {argv: [x, {a}]}", "command: {argv: [x, --a={a}]}"])
def test_a_placeholder_without_quotes_is_explained(text: str) -> None:
    with pytest.raises((ExperimentInvalid, strict_yaml.YamlInvalid)) as raised:
        experiment.parse(strict_yaml.parse(text))
    assert "quote" in str(raised.value)


def test_parameters_are_described_like_those_of_our_trainer() -> None:
    epochs, lr, amp, size, steps, note = describe_parameters(load({"epochs": 7}))
    assert epochs == {
        "path": "epochs",
        "kind": "integer",
        "choices": None,
        "optional": False,
        "default": 7,
        "meaning": "passes over the data",
        "must": "must be from 1 to 1,000",
    }
    assert epochs.keys() == describe_parameters()[0].keys()
    assert [each["kind"] for each in (lr, amp, size, steps, note)] == [
        "number",
        "boolean",
        "choice",
        "integer",
        "string",
    ]
    assert (size["choices"], steps["choices"]) == (["small", "large"], [16, 32])


def test_the_parameters_of_an_experiment_of_ours_have_its_values() -> None:
    ours = experiment.parse(
        {"model": {"architecture": "ResNetForImageClassification"}, "trainer": {"max_epochs": 3}}, {"seed": 4}
    )
    values = {each["path"]: each["default"] for each in describe_parameters(ours)}
    assert (values["trainer.max_epochs"], values["seed"], values["data.image_size"]) == (3, 4, ours.data.image_size)
    assert values.keys() == {each["path"] for each in describe_parameters()}


# resume


def test_the_arguments_of_a_resume_are_added() -> None:
    command = command_of(load(resume=["--resume", "ckpt={resume_dir}/a-*.pt", "{resume_dir}", "{epochs}"]))
    assert command.fill({}).argv == command_of(load()).fill({}).argv
    assert resume_arguments.paths(command.resume or ()) == ["a-*.pt"]
    resumed = command.fill({}, Path("/runs/1/output"), lambda path: Path("/found", path))
    assert resumed.argv[-4:] == ("--resume", "ckpt=/found/a-*.pt", "/runs/1/output", "5")


@pytest.mark.parametrize(
    ("content", "key", "message"),
    [
        ({"resume": []}, "resume", "at least one argument, or be null"),
        ({"resume": "--resume"}, "resume", "must be a list"),
        ({"resume": ["{resume_dri}"]}, "resume", "{model_name} {resume_dir}"),
        ({"resume": ["{resume_dir}/../x"]}, "resume", "a path or a glob behind {resume_dir}/"),
        ({"resume": ["{resume_dir}//x"]}, "resume", "a path or a glob"),
        ({"resume": ["{resume_dir}/"]}, "resume", "a path or a glob"),
        ({"resume": ["{resume_dir}/a**"]}, "resume", "a path or a glob"),
        ({"resume": ["{resume_dir}/{model_name}"]}, "resume", "must not have a placeholder behind"),
        ({"argv": ["x", "{resume_dir}"]}, "argv", '"{resume_dir}" is not a placeholder'),
    ],
)
def test_a_mistake_in_a_resume_is_reported(content: dict[str, Any], key: str, message: str) -> None:
    assert message in " ".join(errors_of({"argv": ["x"]} | content)[f"command.{key}"])
