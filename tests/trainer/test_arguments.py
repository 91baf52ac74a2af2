"""The two ways to call `python -m trainer`. Both result in the same request."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.arguments import parse
from trainer.experiment.experiment import ExperimentInvalid
from trainer.manifest import ManifestInvalid, RunRequest, write_manifest
from trainer.rundir import RunDir

TEXT = "model: {architecture: ResNetForImageClassification}\ntrainer: {max_epochs: 3}\n"
REQUEST = RunRequest(
    config_name="tiny.yaml",
    train_data_dir="/data/train",
    val_data_dir="/data/--val",
    test_data_dir=None,
    dataset=None,
    model_name="--help",
    overrides={"trainer.max_epochs": 3},
    resume_from="2026-01-01_00-00-00",
)


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    made = RunDir(tmp_path / "train" / "runs" / "-1")
    made.path.mkdir(parents=True)
    made.config.write_text(TEXT)
    return made


def test_a_run_directory_holds_the_whole_request(run: RunDir) -> None:
    write_manifest(run, run.run_id, 1, REQUEST, {}, {}, {})
    arguments = parse([f"--run-dir={run.path}"])
    request, experiment = arguments.read()
    assert request == REQUEST
    assert experiment.trainer.max_epochs == 3
    assert (arguments.run.path, arguments.cache_dir) == (run.path, run.path.parents[1] / "cache")


def test_the_command_line_results_in_the_same_request(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    options = ("--train-data-dir=data/train", "--val-data-dir=/data/--val", "--model-name=--help")
    arguments = parse([str(run.config), *options, "--config-name=tiny.yaml", "--set=trainer.max_epochs=3"])
    request, experiment = arguments.read()
    assert {**vars(REQUEST), "resume_from": None} == vars(request)
    assert experiment.trainer.max_epochs == 3


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["--train-data-dir=x"],
        ["--run-dir=x", "--model-name=y"],
        ["--run-dir=x", "--set=seed=1"],
        ["a.yaml"],
        ["a.yaml", "--run-dir=x"],
    ],
)
def test_options_that_would_have_no_effect_are_refused(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        parse(argv)
    assert raised.value.code == 2


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"request": null}', '{"request": {"dataset": "x"}}'])
def test_a_run_json_without_a_request_is_reported(run: RunDir, content: str | None) -> None:
    if content is not None:
        run.run.write_text(content)
    with pytest.raises(ManifestInvalid, match=r"run\.json"):
        parse([f"--run-dir={run.path}"]).read()


@pytest.mark.parametrize("assignment", ["trainer.max_epochs", "seed=!!python/name:os.system", "seed=-1"])
def test_a_wrong_override_is_reported(run: RunDir, assignment: str) -> None:
    with pytest.raises(ExperimentInvalid, match=assignment.partition("=")[0]):
        parse([str(run.config), "--train-data-dir=x", f"--set={assignment}"]).read()
