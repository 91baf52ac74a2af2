"""Run directories, datasets and models that a test writes without training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.servers import LiveServer
from trainer.experiment import experiment
from trainer.experiment.resumable import LastState

OUR_EXPERIMENT = "model:\n  architecture: ResNetForImageClassification\n"
METRICS = """epoch,step,train/loss,val/acc,val/loss
0,9,0.75,,
0,9,,0.5,0.875
1,19,nan,,
1,19,,inf,0.625
"""


def write_run(runs_dir: Path, run_id: str, state: str | None = "completed", **more: Any) -> Path:
    """Write a run that has ended (`state` None: without a verdict) and return its directory.

    `more`: reason, created_at, log, metrics (as text), progress, request.
    """
    path = runs_dir / run_id
    path.mkdir(parents=True)
    request = {"config_name": "digits.yaml", "model_name": "digits", "overrides": {}} | more.get("request", {})
    write_json(path / "run.json", {"run_id": run_id, "created_at": more.get("created_at", "2026"), "request": request})
    (path / "config.yaml").write_text('command:\n  argv: ["true"]\n')
    if state is not None:
        verdict = {"state": state, "reason": more.get("reason"), "pid": 4, "exit_code": 0, "signal": None}
        write_json(path / "state.json", verdict | {"started_at": "2026-01-01T00:00:00+00:00", "ended_at": "2026-01-02"})
    if "log" in more:
        (path / "train.log").write_bytes(more["log"])
    if "metrics" in more:
        write_metrics(path, more["metrics"])
    if "progress" in more:
        (path / "progress.json").write_text(more["progress"])
    return path


def write_command_run(runs_dir: Path, run_id: str, models: Sequence[str] | None = None, **more: Any) -> Path:
    """Write a run of a `command` that has ended. `models`: the globs of its models. `more` as for `write_run`."""
    path = write_run(runs_dir, run_id, **more)
    (path / "output").mkdir()
    if models is not None:
        manifest = json.loads((path / "run.json").read_text())
        write_json(path / "run.json", manifest | {"outputs": {"models": {"files": list(models)}}})
    return path


def write_files(folder: Path, *names: str, content: bytes = b"") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def write_checkpoint(run: Path, content: dict[str, Any], class_names: tuple[str, ...], **position: int) -> None:
    """Write the files that a resume needs from a run of our trainer. `position`: epoch, batch, step."""
    parsed = experiment.parse(content)
    (run / "config.yaml").write_text(experiment.to_yaml(parsed), encoding="utf-8")
    state = LastState(run.name, parsed, class_names, 24, **({"epoch": 3, "batch": 0, "step": 15} | position))
    (run / "checkpoints").mkdir()
    write_json(run / "checkpoints" / "last.json", state.dump())
    (run / "checkpoints" / "last.ckpt").write_bytes(b"only its name matters")


def write_metrics(run: Path, text: str | bytes, place: str = "csv/version_0/metrics.csv") -> Path:
    file = run / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def write_model(run: Path, content: bytes = b"onnx", file_name: str = "epoch_003.onnx", **card: Any) -> Path:
    """Write a card and the ONNX file it names; return that file."""
    model = run / "checkpoints" / file_name
    model.parent.mkdir(exist_ok=True)
    model.write_bytes(content)
    defaults = {
        "run_id": run.name,
        "model_name": "digits",
        "model_path": str(model),
        "dataset_name": "digits",
        "config_name": "digits.yaml",
        "class_names": ["0", "1"],
        "train_metrics": {"train/loss": 0.25},
        "test_metrics": {"test/loss": 0.5, "test/acc": 0.75},
        "opset": 18,
    }
    write_json(run / "classification_model.json", defaults | card)
    return model


def write_report(run: Path, **more: Any) -> dict[str, Any]:
    """Write a report on 4 images with 1 mistake; return its content."""
    cat = {"name": "cat", "precision": 0.666667, "recall": 1.0, "f1": 0.8, "auroc": 1.0, "support": 2, "predicted": 3}
    dog = {"name": "dog", "precision": 1.0, "recall": 0.5, "f1": 0.666667, "auroc": 1.0, "support": 2, "predicted": 1}
    file, image = "test/dog/größe|1.png", "report/mistakes/01.png"
    report: dict[str, Any] = {
        "run_id": run.name,
        "created_at": "2026-01-02T00:00:00+00:00",
        "model_name": "pets",
        "dataset_name": "pets",
        "config_name": "digits.yaml",
        "checkpoint": "epoch_003.ckpt",
        "split": "test",
        "splits": {"train": None, "val": None, "test": None},
        "notes": [],
        "num_images": 4,
        "num_right": 3,
        "loss": 0.5,
        "accuracy": {"value": 0.75, "low": 0.300642, "high": 0.954413, "interval": 0.95, "method": "Wilson"},
        "balanced_accuracy": 0.75,
        "macro_f1": 0.733333,
        "auroc": {"value": 1.0, "num_images": 4},
        "calibration": {
            "ece": 0.15,
            "num_bins": 2,
            "bins": [
                {"low": 0.0, "high": 0.5, "count": 0, "confidence": None, "accuracy": None},
                {"low": 0.5, "high": 1.0, "count": 4, "confidence": 0.9, "accuracy": 0.75},
            ],
        },
        "classes": [cat, dog],
        "confusion_matrix": {"class_names": ["cat", "dog"], "counts": [[2, 0], [1, 1]]},
        "confusions": [{"true": "dog", "predicted": "cat", "count": 1}],
        "mistakes": [{"file": file, "true": "dog", "predicted": "cat", "probability": 0.9, "image": image}],
        "plots": {"confusion_matrix": "report/confusion_matrix.png"},
    }
    write_json(run / "report.json", report | more)
    return report | more


def write_images(folder: Path, **num_images: int) -> Path:
    """Write class folders, each with this many empty image files."""
    for name, number in num_images.items():
        (folder / name).mkdir(parents=True)
        for index in range(number):
            (folder / name / f"{index}.png").write_bytes(b"")
    return folder


def write_dataset(data_dir: Path, name: str) -> Path:
    for split, number in (("train", 3), ("val", 2), ("test", 1)):
        write_images(data_dir / name / split, cat=number, dog=number)
    return data_dir / name


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content))


def write_config(server: LiveServer, name: str, text: str = OUR_EXPERIMENT) -> str:
    (server.configs_dir / name).write_text(text, encoding="utf-8")
    return name
