"""The loggers: metrics.csv, which the service follows, and optionally TensorBoard and MLflow.

All of them receive the same rows with the same steps, and the hyperparameters (hparams.yaml, TensorBoard's HPARAMS tab,
MLflow's parameters).
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
from trainer.experiment.experiment import dump, flatten
from trainer.fit.mlflow_logger import BufferedMLFlowLogger
from trainer.fit.module import Classifier
from trainer.request import Request
from trainer.stopping import Stopped

HPARAMS_METRICS = ("train/loss", "train/acc", "val/loss", "val/acc", "test/loss", "test/acc")
"""The metrics beside the hyperparameters in TensorBoard's HPARAMS tab."""


def build(request: Request, log: Callable[[str], None]) -> list[Logger]:
    """Build the experiment's loggers, with metrics.csv first. Raises ExperimentInvalid if MLflow cannot be used."""
    chosen, path = request.experiment.loggers, request.run.path
    loggers: list[Logger] = [CSVLogger(path, name="csv", version=0)]
    if "tensorboard" in chosen:
        loggers.append(TensorBoardLogger(path, name="tensorboard", version="", default_hp_metric=False))
    if "mlflow" in chosen:
        loggers.append(BufferedMLFlowLogger(request, log))
    return loggers


def hyperparameters(request: Request, module: Classifier, device: str) -> dict[str, Any]:
    """Describe the inputs of the training as plain YAML content."""
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
def log_hyperparameters(loggers: list[Logger], content: dict[str, Any]) -> None:
    """Write hparams.yaml beside metrics.csv and the event files, and send `content` to TensorBoard and MLflow."""
    text = strict_yaml.write(content)
    plain = {
        name: value if isinstance(value, bool | str | int | float) else str(value)
        for name, value in flatten(content).items()
    }
    for logger in loggers:
        if isinstance(logger, CSVLogger | TensorBoardLogger):
            _ = logger.experiment  # creates the folder, and would delete a metrics.csv in a folder that is not empty
            rundir.write_text(Path(logger.log_dir) / "hparams.yaml", text)
        if isinstance(logger, TensorBoardLogger):
            # log_hyperparams would also log a value of each metric.
            summaries = hparams(plain, dict.fromkeys(HPARAMS_METRICS, 0.0))  # type: ignore[no-untyped-call]
            for summary in summaries:
                logger.experiment.file_writer.add_summary(summary)
        if isinstance(logger, BufferedMLFlowLogger):
            logger.log_hyperparams(plain)


def replay_rows(loggers: list[Logger], rows: list[dict[str, str]]) -> None:
    """Log the rows of an earlier run's metrics.csv again, so that a resumed run has the whole history."""
    for logger in loggers:
        if isinstance(logger, CSVLogger):
            logger.experiment.metrics.extend(rows)  # exactly as written, to the last digit
        else:
            for row in rows:
                values = {name: float(value) for name, value in row.items() if name != "step"}
                logger.log_metrics(values, int(row["step"]))
        logger.save()


@contextmanager
def reporting_outcome(loggers: list[Logger]) -> Iterator[None]:
    """Report to MLflow how the training in the `with` block ended. The other loggers do not record that."""
    outcome = "FAILED"
    try:
        yield
        outcome = "FINISHED"
    except Stopped:
        outcome = "KILLED"
        raise
    finally:
        for logger in loggers:
            if isinstance(logger, BufferedMLFlowLogger):
                logger.finish(outcome)
