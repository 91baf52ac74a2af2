"""Take up an earlier run's training in a new run directory: its last checkpoint, its best one and its metrics rows."""

from __future__ import annotations

import csv
import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.loggers import CSVLogger

from trainer.data import Position
from trainer.module import FACTS_KEY
from trainer.rundir import RunDir


class ResumeImpossible(ValueError):
    """The earlier run cannot be gone on with; the message says why."""


@dataclass(frozen=True)
class EarlierRun:
    """An earlier run's last state: `step` optimizer steps were done, `position` says where in the data."""

    run: RunDir
    position: Position
    step: int
    facts: dict[str, Any]
    best_name: str | None

    @property
    def checkpoint(self) -> Path:
        return self.run.last_checkpoint


def open_earlier(run: RunDir) -> EarlierRun:
    """Read the last checkpoint of `run`. Raises ResumeImpossible where there is none or it is not ours."""
    content = load_checkpoint(run.last_checkpoint)
    facts = content.get(FACTS_KEY)
    if not isinstance(facts, dict):
        raise ResumeImpossible(f"checkpoint was not written by this training program: {run.last_checkpoint}")
    best_name = content.get("callbacks", {}).get("KeepCheckpoints", {}).get("best")
    return EarlierRun(run, Position(facts["epoch"], facts["batch"]), facts["step"], facts, best_name)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Load a checkpoint onto the CPU; nothing in it is executed. Raises ResumeImpossible."""
    if not path.is_file():
        raise ResumeImpossible(f"there is no checkpoint to go on from: {path}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
        raise ResumeImpossible(f"checkpoint cannot be read: {path}: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(content, dict):
        raise ResumeImpossible(f"checkpoint was not written by this training program: {path}")
    return content


def check_fits(earlier: EarlierRun, facts: dict[str, Any]) -> None:
    """Raise ResumeImpossible unless the checkpoint was trained on what `facts` say of the new run.

    Batch size and number of images may differ, except for a checkpoint within an epoch: its count of batches would
    then mean other images.
    """
    always = ("class_names", "model", "image_size", "channels", "optimizer", "num_learning_rates", "averaging")
    names = always if earlier.position.batch == 0 else (*always, "batch_size", "num_train_images", "sampling", "seed")
    for name in names:
        had, has = earlier.facts.get(name), facts[name]
        if had != has:
            within = ", which cannot change within an epoch" if name not in always else ""
            raise ResumeImpossible(f"checkpoint does not fit: its {name} is {had}, the new run's {has}{within}")


def carry_over(earlier: EarlierRun, run: RunDir, logger: CSVLogger) -> None:
    """Put the earlier run's two checkpoints into `run` and its metrics rows, up to the last one, into `logger`.

    So the new run can be gone on with in its turn, even if it ends before its first own checkpoint.
    Rows of steps after the checkpoint are left out, for they are trained again; so are those of its test.
    """
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    for name in (earlier.checkpoint.name, earlier.best_name):
        if name is not None and (earlier.run.checkpoints / name).is_file():
            shutil.copyfile(earlier.run.checkpoints / name, run.checkpoints / name)
    metrics = earlier.run.find_metrics()
    if metrics is None:
        return
    with open(metrics, encoding="utf-8", newline="") as file:
        rows = [{name: value for name, value in row.items() if value} for row in csv.DictReader(file)]
    kept = [row for row in rows if "step" in row and int(row["step"]) < earlier.step and not _is_test(row)]
    # Through the logger's own writer: opening a CSVLogger deletes the file that it finds.
    logger.experiment.metrics.extend(kept)
    logger.save()


def _is_test(row: dict[str, Any]) -> bool:
    return any(name.startswith("test/") for name in row)
