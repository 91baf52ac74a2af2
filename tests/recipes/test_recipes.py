"""Each recipe of docs/recipes runs through the service unchanged, and shows what docs/commands.md says."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.conftest import end
from tests.servers import ROOT, LiveServer
from tests.waiting import wait_until
from trainer.digits import prepare

RECIPES = ROOT / "docs" / "recipes"
YOLO = Path("~/venvs/ultralytics/bin/yolo").expanduser()
TIMEOUT_S = 240
"""For the slowest recipe on a busy machine. Most of it is spent on imports."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    shared = LiveServer(tmp_path_factory.mktemp("recipes"))
    prepare(shared.data_dir / "digits")
    yield shared.start()
    end(shared)


def start(server: LiveServer, recipe: str, name: str | None = None, **fields: Any) -> str:
    """Start a recipe as it is, under its own name or another one."""
    config = server.configs_dir / f"{name or recipe}.yaml"
    shutil.copy(RECIPES / recipe / "experiment.yaml", config)
    return server.start_run(config.name, **fields)


def needs(package: str) -> pytest.MarkDecorator:
    """Skip a test whose framework is not installed, but not in CI."""
    is_missing = importlib.util.find_spec(package) is None and os.environ.get("CI") != "true"
    return pytest.mark.skipif(is_missing, reason=f"{package} is not installed: pip install -r requirements-dev.lock")


def finish(server: LiveServer, run_id: str) -> dict[str, Any]:
    run = server.wait_for_state(run_id, "completed", "failed", "stopped", "interrupted", timeout_s=TIMEOUT_S)
    assert run["state"] == "completed", (run["reason"], log(server, run_id))
    return run


def log(server: LiveServer, run_id: str) -> str:
    return str(server.get(f"/training/runs/{run_id}/log?offset=-20000").json()["text"])


def columns(server: LiveServer, run_id: str) -> set[str]:
    return set(metrics(server, run_id)["available_columns"])


def metrics(server: LiveServer, run_id: str) -> dict[str, Any]:
    answer = server.get(f"/training/metrics/runs/{run_id}")
    assert answer.status_code == 200, (answer.text, log(server, run_id))
    return dict(answer.json())


def summary(server: LiveServer, run_id: str) -> dict[str, Any]:
    return dict(server.get(f"/training/metrics/runs/{run_id}/summary").json())


def column(server: LiveServer, run_id: str, name: str) -> list[float]:
    """Return the values of a metric, in the order of the rows."""
    return [row[name] for row in metrics(server, run_id)["data"] if row.get(name) is not None]


def model_files(server: LiveServer, run_id: str) -> list[str]:
    """Return the paths of the models that the service lists for a run, relative to the program's folder."""
    output = server.runs_dir / run_id / "output"
    models = server.get("/training/models").json()["models_info"]
    return sorted(str(Path(m["model_path"]).relative_to(output)) for m in models if m["run_id"] == run_id)


def test_plain_pytorch_shows_what_it_prints(server: LiveServer) -> None:
    run_id = start(server, "plain_pytorch", overrides={"epochs": 2})
    run = finish(server, run_id)
    assert columns(server, run_id) == {"epoch", "train/loss", "test/loss", "test/accuracy"}
    assert column(server, run_id, "test/accuracy") == pytest.approx([89, 93], abs=5)
    assert len(column(server, run_id, "train/loss")) == 2 * 5
    shown = summary(server, run_id)
    assert shown["total_epochs"] == 2
    assert shown["best_metrics"]["best_test/accuracy"] == max(column(server, run_id, "test/accuracy"))
    assert run["progress"]["epoch"] == 2
    assert model_files(server, run_id) == ["digits_cnn.pt"]


@needs("accelerate")
def test_hugging_face_shows_fractions_of_epochs(server: LiveServer) -> None:
    run_id = start(server, "hugging_face", overrides={"epochs": 2})
    run = finish(server, run_id)
    assert {"epoch", "step", "loss", "eval_loss", "eval_accuracy"} <= columns(server, run_id)
    assert column(server, run_id, "epoch")[0] == pytest.approx(5 / 23, abs=1e-3)
    assert len(column(server, run_id, "loss")) == 2 * 23 // 5
    assert len(column(server, run_id, "eval_accuracy")) == 2
    assert summary(server, run_id)["total_epochs"] == 2
    assert (run["progress"]["percent"], run["progress"]["epoch"], run["can_resume"]) == (100, 2, True)
    assert model_files(server, run_id) == ["model.safetensors"]


@needs("jsonargparse")
def test_lightning_cli_needs_no_line_for_its_metrics(server: LiveServer) -> None:
    run_id = start(server, "lightning_cli", overrides={"max_epochs": 2})
    run = finish(server, run_id)
    assert columns(server, run_id) == {"epoch", "step", "train_loss", "val_loss", "val_acc"}
    assert summary(server, run_id)["total_epochs"] == 2
    assert (run["progress"]["epoch"], run["progress"]["max_epochs"]) == (1, 1)
    assert "lightning_logs/version_0/checkpoints/last.ckpt" in model_files(server, run_id)


@needs("keras")
def test_keras_shows_its_csv_logger_and_its_bar(server: LiveServer) -> None:
    run_id = start(server, "keras", overrides={"epochs": 2})
    run = finish(server, run_id)
    assert columns(server, run_id) == {"epoch", "accuracy", "loss", "val_accuracy", "val_loss"}
    assert summary(server, run_id)["total_epochs"] == 2
    assert (run["progress"]["epoch"], run["progress"]["max_epochs"], run["can_resume"]) == (2, 2, False)
    assert model_files(server, run_id) == ["best.keras"]


@needs("hydra")
def test_hydra_leaves_an_onnx_file_with_its_card(server: LiveServer) -> None:
    """The service's experiment and the program's own have the same name, as with `experiment={config_name}`."""
    run_id = start(server, "hydra", "digits", dataset="digits", model_name="mlp", overrides={"max_epochs": 2})
    finish(server, run_id)
    assert {"train/loss", "val/acc", "test/acc"} <= columns(server, run_id)
    [card] = [m for m in server.get("/training/models").json()["models_info"] if m["run_id"] == run_id]
    assert (card["model_name"], card["dataset_name"], len(card["class_names"])) == ("mlp", "digits", 10)
    assert card["test_metrics"]["test/acc"] > 0.5
    download = server.get(f"/training/models/{run_id}/download")
    assert (download.status_code, len(download.content) > 1000) == (200, True)
    assert (server.runs_dir / run_id / "output" / "train.log").exists(), "Hydra writes a log of that name too"


def test_torchrun_saves_on_a_stop_and_resumes(server: LiveServer) -> None:
    run_id = start(server, "torchrun", overrides={"epochs": 10_000})
    wait_until(lambda: "epoch 1:" in log(server, run_id), TIMEOUT_S, lambda: log(server, run_id))
    assert server.post("/training/stop").json() == {"status": "stopped", "run_id": run_id}
    assert server.run(run_id)["state"] == "stopped"
    last_epoch = int(column(server, run_id, "epoch")[-1])
    assert model_files(server, run_id) == ["last.pt"]
    resumed = start(server, "torchrun", resume_from=run_id, overrides={"epochs": last_epoch + 3, "processes": 1})
    finish(server, resumed)
    assert column(server, resumed, "epoch") == [last_epoch + 1, last_epoch + 2]
    assert column(server, resumed, "train/loss")[0] < column(server, run_id, "train/loss")[0]


@pytest.mark.skipif(not YOLO.exists(), reason=f"{YOLO} does not exist: see docs/commands.md")
def test_ultralytics_shows_its_table_and_its_bar(server: LiveServer) -> None:
    """Ultralytics needs another build of PyTorch, so a person makes its environment."""
    for source in (server.data_dir / "digits").glob("*/*/*[048].png"):
        target = server.data_dir / "larger" / source.relative_to(server.data_dir / "digits")
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(source) as image:
            image.convert("RGB").resize((32, 32)).save(target)
    run_id = start(server, "ultralytics", dataset="larger", overrides={"epochs": 2})
    run = finish(server, run_id)
    assert {"epoch", "train/loss", "val/loss", "metrics/accuracy_top1"} <= columns(server, run_id)
    assert column(server, run_id, "epoch") == [1, 2]
    assert (run["progress"]["epoch"], run["progress"]["max_epochs"]) == (2, 2)
    assert model_files(server, run_id) == ["train/weights/best.pt", "train/weights/last.pt"]
