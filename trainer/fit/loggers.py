"""Where metrics go: metrics.csv, which the service follows; beside it TensorBoard and MLflow as the experiment asks.

All get the same rows with the same steps, and what the training was made with: hparams.yaml, TensorBoard's HPARAMS tab,
MLflow's parameters.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning
import torch
import transformers
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning_utilities.core.rank_zero import rank_zero_only
from torch.utils.tensorboard.summary import hparams

from trainer import rundir
from trainer.experiment import strict_yaml
from trainer.experiment.experiment import dump
from trainer.fit.mlflow_tracking import MLflow
from trainer.fit.module import Classifier
from trainer.request import Request
from trainer.stopping import Stopped

COMPARED = ("train/loss", "train/acc", "val/loss", "val/acc", "test/loss", "test/acc")
"""The metrics that TensorBoard's HPARAMS tab shows beside the hyperparameters."""


def build(request: Request, say: Callable[[str], None]) -> list[Logger]:
    """Build the experiment's loggers, metrics.csv's first. Raises ExperimentInvalid where MLflow cannot be used."""
    chosen, path = request.experiment.loggers, request.run.path
    loggers: list[Logger] = [CSVLogger(path, name="csv", version=0)]
    if "tensorboard" in chosen:
        loggers.append(TensorBoardLogger(path, name="tensorboard", version="", default_hp_metric=False))
    if "mlflow" in chosen:
        loggers.append(MLflow(request, say))
    return loggers


def hyperparameters(request: Request, module: Classifier, device: str) -> dict[str, Any]:
    """What the training was made with, as plain YAML content."""
    splits = request.splits
    return {
        "run_id": request.run.run_id,
        "config_name": request.config_name,
        "model_name": request.model_name,
        "dataset_name": request.dataset_name,
        "data_dirs": {name: str(split.path) for name, split in splits.items()},
        "num_images": {name: len(split) for name, split in splits.items()},
        "split_off": {name: str(split.origin) for name, split in splits.items() if split.origin},
        "class_names": list(splits["train"].class_names),
        "mean": module.mean.flatten().tolist(),
        "std": module.std.flatten().tolist(),
        "num_parameters": module.network.num_parameters,
        "total_steps": module.total_steps,
        "device": device,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__.partition("+")[0],
            "lightning": lightning.__version__,
            "transformers": transformers.__version__,
        },
        "experiment": dump(request.experiment),
    }


@rank_zero_only
def tell_hyperparameters(loggers: list[Logger], content: dict[str, Any]) -> None:
    """Write hparams.yaml beside metrics.csv and beside the event files, and show `content` in the other loggers."""
    text = strict_yaml.write(content)
    for logger in loggers:
        if isinstance(logger, CSVLogger | TensorBoardLogger):
            _ = logger.experiment  # which makes the folder, and would delete a metrics.csv in one that is not empty
            rundir.write_text(Path(logger.log_dir) / "hparams.yaml", text)
        if isinstance(logger, TensorBoardLogger):
            # Not log_hyperparams, which would log a value for each of the metrics.
            summaries = hparams(flatten(content), dict.fromkeys(COMPARED, 0.0))  # type: ignore[no-untyped-call]
            for summary in summaries:
                logger.experiment._get_file_writer().add_summary(summary)
        if isinstance(logger, MLflow):
            logger.log_hyperparams(flatten(content))


def carry_rows(loggers: list[Logger], rows: list[dict[str, str]]) -> None:
    """Log rows of an earlier run's metrics.csv, so that a resumed run shows its whole history, at the present time."""
    for logger in loggers:
        if isinstance(logger, CSVLogger):
            # As they stand, digit by digit.
            logger.experiment.metrics.extend(rows)
        else:
            for row in rows:
                values = {name: float(value) for name, value in row.items() if name != "step"}
                logger.log_metrics(values, int(row["step"]))
        logger.save()


@contextmanager
def outcome_told(loggers: list[Logger]) -> Iterator[None]:
    """Tell MLflow, the only one that wants to know, how the training in the `with` block ended."""
    outcome = "FAILED"
    try:
        yield
        outcome = "FINISHED"
    except Stopped:
        outcome = "KILLED"
        raise
    finally:
        for logger in loggers:
            if isinstance(logger, MLflow):
                logger.finish(outcome)


def flatten(content: dict[str, Any], prefix: str = "") -> dict[str, bool | str | int | float]:
    """`{"a": {"b": 1}}` as `{"a.b": 1}`; what is no number, text or truth as text."""
    flat: dict[str, bool | str | int | float] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value if isinstance(value, bool | str | int | float) else str(value)
    return flat
