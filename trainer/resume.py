"""Take up an earlier run's training in a new run directory: its last checkpoint, its best one and its metrics rows."""

from __future__ import annotations

import csv
import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

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
    if "random_states" not in facts:
        raise ResumeImpossible(f"checkpoint is of an older version; start the training anew: {run.last_checkpoint}")
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
            raise ResumeImpossible(
                f"checkpoint does not fit: {_difference(_SETTINGS.get(name, name), had, has)}{within}; go on with what"
                " it was trained with, or start anew without resume_from"
            )


_SETTINGS = {
    "class_names": "list of classes",
    "image_size": "data.image_size",
    "channels": "data.channels",
    "optimizer": "optimizer.name",
    "num_learning_rates": "number of learning rates (optimizer.backbone_learning_rate)",
    "averaging": "averaging of weights (trainer.ema_decay)",
    "batch_size": "data.batch_size",
    "num_train_images": "number of train images",
    "sampling": "data.sampling",
}
"""What a fact is called in the experiment file, where it is called otherwise."""


def _difference(name: str, had: Any, has: Any) -> str:
    """Say in what two unequal values differ: of a mapping the first such entry, of lists what only one of them has."""
    if isinstance(had, dict) and isinstance(has, dict):
        key = next(key for key in sorted({*had, *has}) if had.get(key) != has.get(key))
        return _difference(f"{name}.{key}", had.get(key), has.get(key))
    if isinstance(had, list) and isinstance(has, list) and set(map(str, had)) != set(map(str, has)):
        gone, come = ([each for each in one if each not in other] for one, other in ((had, has), (has, had)))
        said = [f"lacks {_some(come)}"] * bool(come) + [f"has {_some(gone)} besides"] * bool(gone)
        return f"its {name} {' and '.join(said)}"
    return f"its {name} is {_short(had)}, the new run's {_short(has)}"


def _some(values: list[Any]) -> str:
    return ", ".join(map(str, values[:5])) + (f" and {len(values) - 5} more" if len(values) > 5 else "")


def _short(value: Any) -> str:
    words = {True: "on", False: "off", None: "null"}
    text = words[value] if value is None or isinstance(value, bool) else str(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def carry_over(earlier: EarlierRun, run: RunDir) -> list[dict[str, str]]:
    """Put the earlier run's two checkpoints into `run` and return its metrics rows, without blanks, up to the last one.

    So the new run can be gone on with in its turn, even if it ends before its first own checkpoint.
    Rows of steps after the checkpoint are left out, for they are trained again; so are those of its test.
    """
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    for name in (earlier.checkpoint.name, earlier.best_name):
        if name is not None and (earlier.run.checkpoints / name).is_file():
            shutil.copyfile(earlier.run.checkpoints / name, run.checkpoints / name)
    metrics = earlier.run.find_metrics()
    if metrics is None:
        return []
    with open(metrics, encoding="utf-8", newline="") as file:
        rows = [{name: value for name, value in row.items() if value} for row in csv.DictReader(file)]
    return [row for row in rows if "step" in row and int(row["step"]) < earlier.step and not _is_test(row)]


def _is_test(row: dict[str, Any]) -> bool:
    return any(name.startswith("test/") for name in row)
