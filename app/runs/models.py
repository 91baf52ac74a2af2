"""The models that runs left: a card, and the ONNX file it names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from app.runs.exceptions import FileNotInRun
from app.runs.store import Run, RunStore, is_plain_name
from trainer.rundir import read_json


@dataclass(frozen=True)
class TrainedModel:
    """A verified model. `path` is absolute, and the file was there when looked for."""

    run_id: str
    name: str
    path: Path
    card: dict[str, Any]


class ModelFolder:
    """Find models among the runs. The card is written after the file was verified, so no card means no model."""

    def __init__(self, store: RunStore) -> None:
        self._store = store

    def list(self) -> Iterator[TrainedModel]:
        """Yield the models, newest run first."""
        for run in self._store.list():
            model = self._of(run)
            if model is not None:
                yield model

    def find(self, run_id: str) -> TrainedModel:
        """Raises RunNotFound, or FileNotInRun when the run has no model (yet)."""
        run = self._store.find(run_id)
        model = self._of(run)
        if model is None:
            raise FileNotInRun(f"Run {run_id} is {run.state} and has no model.")
        return model

    def _of(self, run: Run) -> TrainedModel | None:
        card = read_json(run.directory.card)
        if card is None or not isinstance(card.get("model_path"), str):
            return None
        # The file lies beside the checkpoint; by its name alone it is found also after the folder was moved, and no
        # card can make us serve a file from elsewhere.
        name = PurePath(card["model_path"]).name
        try:
            path = self._store.artifact(run, f"checkpoints/{name}")
        except FileNotInRun:
            return None
        if path.suffix != ".onnx":
            return None
        name = card["model_name"] if is_plain_name(card.get("model_name")) else "model"
        ours = {"run_id": run.run_id, "model_name": name, "model_path": str(path)}
        return TrainedModel(run.run_id, name, path, card | ours)
