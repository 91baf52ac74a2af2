"""The sections that say what the program of a command leaves behind."""

from __future__ import annotations

from typing import Any

import pytest

from trainer.experiment import experiment
from trainer.experiment.experiment import ExperimentInvalid

COMMAND: dict[str, Any] = {"command": {"argv": ["x"]}}
DECLARED: dict[str, Any] = {
    "metrics": {
        "files": ["results.csv", "logs/**/*.jsonl"],
        "columns": {"metrics/accuracy_top1": "val/acc", "eval_rmse": "val/rmse"},
        "better": {"val/score": "higher"},
        "monitor": "val/score",
    },
    "log": {"patterns": [r"Train Epoch: (?P<epoch>\d+) .*Loss: (?P<train_loss>[\d.]+)"]},
    "models": {"files": ["**/*.onnx", "*.pt"]},
}


def errors_of(content: dict[str, Any]) -> dict[str, list[str]]:
    with pytest.raises(ExperimentInvalid) as raised:
        experiment.parse(content)
    return raised.value.errors


def test_declared_outputs_survive_a_round_trip() -> None:
    loaded = experiment.parse(COMMAND | DECLARED)
    assert experiment.dump(loaded).items() >= DECLARED.items()
    assert experiment.parse(experiment.dump(loaded)) == loaded


@pytest.mark.parametrize(
    ("section", "key", "message"),
    [
        ({"metrics": {"files": "a.csv"}}, "metrics.files", 'must be a list; write ["a.csv"]'),
        ({"metrics": {"file": ["a.csv"]}}, "metrics.file", "did you mean metrics.files"),
        ({"metrics": {"files": ["a.csv", "/a.csv"]}}, "metrics.files.1", "a path or a glob below output/"),
        ({"metrics": {"files": ["../a.csv"]}}, "metrics.files.0", "below output/"),
        ({"metrics": {"files": ["a/../../b.csv"]}}, "metrics.files.0", "below output/"),
        ({"metrics": {"files": ["~/a.csv"]}}, "metrics.files.0", "below output/"),
        ({"metrics": {"files": ["."]}}, "metrics.files.0", "below output/"),
        ({"metrics": {"files": [""]}}, "metrics.files.0", "from 1 to 1,000 characters"),
        ({"metrics": {"files": ["a**/b.csv"]}}, "metrics.files.0", "** only as a whole folder"),
        ({"metrics": {"files": ["{output_dir}/a.csv"]}}, "metrics.files.0", "leave the placeholder out"),
        ({"metrics": {"files": ["a"] * 101}}, "metrics.files", "at most 100 entries"),
        ({"metrics": {"columns": {"a": "b", "c": "b"}}}, "metrics.columns", '"b" is the new name of 2 columns'),
        ({"metrics": {"columns": {"a": " "}}}, "metrics.columns", "must not be empty"),
        ({"metrics": {"columns": {"": "b"}}}, "metrics.columns", "at least one character"),
        ({"metrics": {"columns": {"a": 3}}}, "metrics.columns.a", "must be text"),
        ({"metrics": {"columns": ["a"]}}, "metrics.columns", "must be a mapping"),
        ({"metrics": {"better": {"a": "up"}}}, "metrics.better.a", "must be one of: lower, higher"),
        ({"metrics": {"monitor": "val/score"}}, "metrics.monitor", 'add "val/score" to better'),
        ({"metrics": []}, "metrics", "must be a section with the parameters files, columns, better, monitor"),
        ({"log": {"patterns": [r"(?P<a>\d)", "(?P<a>"]}}, "log.patterns.1", "has an opening parenthesis"),
        ({"log": {"patterns": ["loss: (.*)"]}}, "log.patterns.0", "has no named group"),
        ({"log": {"patterns": ["(?P<a>x)" * 200]}}, "log.patterns.0", "at most 1,000 characters"),
        ({"models": {"files": ["/m.onnx"]}}, "models.files.0", "below output/"),
        ({"models": {"path": "m.onnx"}}, "models.path", "known are models.files"),
        ({"metric": {}}, "metric", "did you mean metrics"),
    ],
)
def test_a_mistake_is_reported_with_its_path(section: dict[str, Any], key: str, message: str) -> None:
    assert message in " ".join(errors_of(COMMAND | section)[key])


def test_our_own_trainer_declares_no_outputs() -> None:
    ours: dict[str, Any] = {"model": {"architecture": "ResNetForImageClassification"}}
    for name, section in DECLARED.items():
        assert "only for a command" in errors_of(ours | {name: section})[name][0]
    assert DECLARED.keys().isdisjoint(experiment.dump(experiment.parse(ours)))
