"""Resume an earlier run in a new run directory, from its last and best checkpoints and its metrics rows."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from trainer.batches.samplers import Position
from trainer.experiment.resumable import LastState, ResumeImpossible
from trainer.fit.checkpoint_io import copy_checkpoint
from trainer.fit.checkpoints import BestAndLastCheckpoint
from trainer.fit.module import STATE_KEY
from trainer.network.weights import describe_load_error
from trainer.rundir import RunDir

Row = dict[str, str]
"""A row of metrics.csv, without its blanks."""


@dataclass(frozen=True)
class EarlierRun:
    """The run to resume: the state in its last checkpoint, and its metrics rows before that state."""

    run: RunDir
    state: LastState
    best_name: str | None
    """The file name of its best checkpoint, beside the last one."""
    rows: list[Row]

    @property
    def checkpoint(self) -> Path:
        return self.run.last_checkpoint

    @property
    def position(self) -> Position:
        return Position(self.state.epoch, self.state.batch)

    def history(self, metric: str) -> list[float]:
        """Return the values of a metric in the order of epochs."""
        return [float(row[metric]) for row in self.rows if metric in row]


def load_earlier(run: RunDir) -> EarlierRun:
    """Read the last checkpoint of `run`. Raises ResumeImpossible if it is missing, damaged or not ours."""
    content = load_checkpoint(run.last_checkpoint)
    state = content.get(STATE_KEY)
    if not isinstance(state, dict):
        raise ResumeImpossible(f"checkpoint was not written by this training program: {run.last_checkpoint}")
    last = LastState.load(state, run)
    return EarlierRun(run, last, _best_name(content), _rows_before(run, last.step))


def _best_name(content: dict[str, Any]) -> str | None:
    callbacks = content.get("callbacks")
    state = callbacks.get(BestAndLastCheckpoint.__qualname__) if isinstance(callbacks, dict) else None
    match state:
        case {"best": str(name)} if Path(name).name == name:
            return name
    return None


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Load a checkpoint onto the CPU without running any code in it. Raises ResumeImpossible."""
    if not path.is_file():
        raise ResumeImpossible(f"there is no checkpoint to resume from: {path}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises anything
        raise ResumeImpossible(f"checkpoint cannot be read: {path}: {describe_load_error(error)}") from error
    if not isinstance(content, dict):
        raise ResumeImpossible(f"checkpoint was not written by this training program: {path}")
    return content


def copy_checkpoints(earlier: EarlierRun, run: RunDir) -> None:
    """Copy both checkpoints of the earlier run, so that `run` can be resumed even before its own first checkpoint.

    The last one comes last: with it, a run that is killed here can be resumed and needs the other files.
    """
    for name in (earlier.run.last_state.name, earlier.best_name, earlier.checkpoint.name):
        if name is not None and (earlier.run.checkpoints / name).is_file():
            copy_checkpoint(earlier.run.checkpoints / name, run.checkpoints / name)


def _rows_before(run: RunDir, step: int) -> list[Row]:
    """Read the rows before `step`, without the test's. The resumed run trains, and logs, later steps again."""
    if not run.metrics.exists():
        return []
    with open(run.metrics, encoding="utf-8", newline="") as file:
        rows = [{name: value for name, value in row.items() if value} for row in csv.DictReader(file)]
    is_test = [any(name.startswith("test/") for name in row) for row in rows]
    return [row for row, test in zip(rows, is_test) if "step" in row and int(row["step"]) < step and not test]
