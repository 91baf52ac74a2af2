"""TensorBoard and MLflow beside metrics.csv, and hparams.yaml."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from tests.trainer.trainings import EXPERIMENTS, Launcher, Started, Trained, read_rows, request_for
from trainer.experiment import experiment
from trainer.experiment.experiment import ExperimentInvalid
from trainer.fit.mlflow_logger import BufferedMLFlowLogger
from trainer.request import Request
from trainer.rundir import RunDir

ALL = "--set=loggers=[csv, tensorboard, mlflow]"


@pytest.fixture(scope="module")
def resumed(session_launcher: Launcher, completed: Trained, tiny: Path, squares: Path) -> Started:
    """A training that resumes `completed` for one epoch with all loggers."""
    options = [ALL, "--set=trainer.max_epochs=4", f"--resume-from={completed.run.path}", "--config-name=tiny.yaml"]
    done = session_launcher.train(tiny, squares, *options, name="logged", MLFLOW_TRACKING_URI="")
    assert done.process.returncode == 0, done.log
    return done


@pytest.fixture(scope="module")
def events(resumed: Started) -> EventAccumulator:
    read = EventAccumulator(str(resumed.run.path / "tensorboard"))
    read.Reload()
    return read


def metrics_of(run: RunDir) -> dict[str, list[tuple[int, float]]]:
    """Return step and value of each metric in the order of metrics.csv, with the precision of event files."""
    found: dict[str, list[tuple[int, float]]] = {}
    for row in read_rows(run):
        for name, value in row.items():
            if name != "step":
                found.setdefault(name, []).append((int(row["step"]), pytest.approx(float(value))))
    return found


@pytest.mark.slow
def test_tensorboard_has_the_metrics_of_metrics_csv_including_those_before_a_resume(
    resumed: Started, events: EventAccumulator
) -> None:
    expected = metrics_of(resumed.run)
    assert [step for step, _ in expected["train/loss"]] == [4, 9, 14, 19]
    assert [step for step, _ in expected["train/loss_step"]][::3] == [1, 7, 13, 19]
    assert [step for step, _ in expected["test/acc"]] == [20]
    logged = {name: [(each.step, each.value) for each in events.Scalars(name)] for name in events.Tags()["scalars"]}
    assert logged == expected


@pytest.mark.slow
def test_tensorboard_shows_the_hyperparameters_beside_the_metrics(events: EventAccumulator) -> None:
    def content(tag: str) -> Any:
        return HParamsPluginData.FromString(events.summary_metadata[tag].plugin_data.content)

    shown = content("_hparams_/session_start_info").session_start_info.hparams
    assert shown["experiment.optimizer.learning_rate"].number_value == 0.001
    assert shown["class_names"].string_value == "['bright', 'dark']"
    metrics = [each.name.tag for each in content("_hparams_/experiment").experiment.metric_infos]
    assert {"val/loss", "test/acc"} <= set(metrics) <= set(events.Tags()["scalars"])


@pytest.mark.slow
def test_mlflow_has_the_same_metrics_in_a_run_of_the_same_name(resumed: Started) -> None:
    (folder,) = (each.parent for each in (resumed.run.path / "mlflow").glob("*/*/meta.yaml"))
    meta = yaml.safe_load((folder / "meta.yaml").read_text())
    assert (meta["run_name"], meta["status"]) == ("logged", 3)  # 3 is FINISHED
    assert yaml.safe_load((folder.parent / "meta.yaml").read_text())["name"] == "tiny"
    assert (folder / "params" / "experiment.optimizer.learning_rate").read_text() == "0.001"
    for name, expected in metrics_of(resumed.run).items():
        lines = [line.split() for line in (folder / "metrics" / name).read_text().splitlines()]
        assert [(int(step), float(value)) for _, value, step in lines] == expected, name


@pytest.mark.slow
def test_hparams_yaml_describes_experiment_data_and_versions(resumed: Started) -> None:
    text = (resumed.run.path / "csv" / "version_0" / "hparams.yaml").read_text()
    assert (resumed.run.path / "tensorboard" / "hparams.yaml").read_text() == text
    assert "!!" not in text
    content = yaml.safe_load(text)
    assert content["experiment"] == experiment.dump(experiment.load(resumed.run.config))
    assert content["class_names"] == ["bright", "dark"]
    assert content["num_images"] == {"train": 40, "val": 8, "test": 8}
    assert set(content["versions"]) == {"python", "torch", "lightning", "transformers"}
    assert content["num_parameters"] > 1000


def test_metrics_csv_is_required() -> None:
    with pytest.raises(ExperimentInvalid, match=r"loggers: .*csv"):
        experiment.load(EXPERIMENTS / "digits_resnet.yaml", {"loggers": ["tensorboard"]})


# MLflow alone


@pytest.fixture
def request_(tmp_path: Path, squares: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_ALLOW_FILE_STORE"):
        monkeypatch.setenv(name, "")  # monkeypatch restores it after the test
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    return request_for(RunDir(tmp_path / "run"), experiment.load(tiny), squares)


@pytest.mark.slow
def test_an_unreachable_mlflow_is_logged_once_and_gets_all_metrics_later(request_: Request) -> None:
    lines: list[str] = []
    logger = BufferedMLFlowLogger(request_, lines.append)
    logger.log_metrics({"train/loss": 0.5}, 0)
    logger.save()
    (folder,) = (each.parent for each in (request_.run.path / "mlflow").glob("*/*/meta.yaml"))
    away = folder.rename(request_.run.path / "away")
    for step in range(1, 2500):
        logger.log_metrics({"train/loss": 0.5}, step)
    logger.finish("FAILED")
    logger.finish("FAILED")
    assert len(lines) == 1
    assert lines[0].startswith("mlflow: ")
    shutil.rmtree(folder, ignore_errors=True)
    away.rename(folder)
    logger.finish("FAILED")
    assert len(lines) == 2
    steps = [int(line.split()[2]) for line in (folder / "metrics" / "train" / "loss").read_text().splitlines()]
    assert steps == list(range(2500))
    assert yaml.safe_load((folder / "meta.yaml").read_text())["status"] == 4  # FAILED


def test_an_mlflow_that_is_unreachable_at_the_start_is_refused_with_its_address(
    request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(ExperimentInvalid, match=r"loggers: .*http://127\.0\.0\.1:9 \(MLFLOW_"):
        BufferedMLFlowLogger(request_, print)


def test_a_missing_mlflow_is_refused_with_the_command_that_installs_it(
    request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ExperimentInvalid, match=r'loggers: .*pip install "mlflow-skinny>=3"'):
        BufferedMLFlowLogger(request_, print)
