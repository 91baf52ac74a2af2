"""Take up an earlier run's training in a new run directory: its last checkpoint, its best one and its metrics rows."""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from trainer.batches.order import Position
from trainer.experiment.resumable import LastState, ResumeImpossible
from trainer.fit.module import FACTS_KEY
from trainer.network.weights import explain
from trainer.rundir import RunDir

Row = dict[str, str]
"""A row of metrics.csv, without its blanks."""


@dataclass(frozen=True)
class EarlierRun:
    """The run that is resumed: what its last checkpoint holds, and its metrics up to there."""

    run: RunDir
    state: LastState
    best_name: str | None
    rows: list[Row]

    @property
    def checkpoint(self) -> Path:
        return self.run.last_checkpoint

    @property
    def position(self) -> Position:
        return Position(self.state.epoch, self.state.batch)

    def history(self, metric: str) -> list[float]:
        """The values of a metric by epoch."""
        return [float(row[metric]) for row in self.rows if metric in row]


def open_earlier(run: RunDir) -> EarlierRun:
    """Read the last checkpoint of `run`. Raises ResumeImpossible where there is none or it is not ours."""
    content = load_checkpoint(run.last_checkpoint)
    facts = content.get(FACTS_KEY)
    if not isinstance(facts, dict):
        raise ResumeImpossible(f"checkpoint was not written by this training program: {run.last_checkpoint}")
    state = LastState.load(facts, run)
    return EarlierRun(run, state, _best_name(content), _rows_before(run, state.step))


def _best_name(content: dict[str, Any]) -> str | None:
    """The name of the best checkpoint's file, beside the last one; None where there is none."""
    match content.get("callbacks"):
        case {"KeepCheckpoints": {"best": str(name)}} if Path(name).name == name:
            return name
    return None


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Load a checkpoint onto the CPU; nothing in it is executed. Raises ResumeImpossible."""
    if not path.is_file():
        raise ResumeImpossible(f"there is no checkpoint to resume from: {path}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged pickle raises
        raise ResumeImpossible(f"checkpoint cannot be read: {path}: {explain(error)}") from error
    if not isinstance(content, dict):
        raise ResumeImpossible(f"checkpoint was not written by this training program: {path}")
    return content


def carry_over(earlier: EarlierRun, run: RunDir) -> None:
    """Put the earlier run's two checkpoints into `run`: it can be resumed even if it ends before its own first one."""
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    for name in (earlier.run.last_state.name, earlier.checkpoint.name, earlier.best_name):
        if name is not None and (earlier.run.checkpoints / name).is_file():
            shutil.copyfile(earlier.run.checkpoints / name, run.checkpoints / name)


def _rows_before(run: RunDir, step: int) -> list[Row]:
    """Read the rows of the steps before `step`: later ones are trained again. Those of the test are left out too."""
    metrics = run.find_metrics()
    if metrics is None:
        return []
    with open(metrics.path, encoding="utf-8", newline="") as file:
        rows = [{name: value for name, value in row.items() if value} for row in csv.DictReader(file)]
    return [row for row in rows if "step" in row and int(row["step"]) < step and not _is_test(row)]


def _is_test(row: Row) -> bool:
    return any(name.startswith("test/") for name in row)
