"""Find the models of runs: a model card, and the ONNX file that it names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from app.runs.exceptions import FileNotInRun
from app.runs.names import is_plain_name
from app.runs.store.states import is_foreign
from app.runs.store.store import RunStore
from app.runs.store.welltyped import MODEL_CARD, well_typed
from trainer.rundir import RunDir
from trainer.runfile import RunFile


@dataclass(frozen=True)
class TrainedModel:
    """A verified model. The paths are absolute, and the files existed when we looked."""

    run_id: str
    name: str
    onnx: RunFile
    variants: dict[str, RunFile]
    """Smaller files of the model by name, such as int8."""
    card: dict[str, Any]

    def file(self, variant: str | None) -> tuple[RunFile, str]:
        """Return the file of a variant (None: the model itself) and its name for a download. Raises FileNotInRun."""
        if variant is None:
            return self.onnx, f"{self.name}.onnx"
        if variant not in self.variants:
            names = ", ".join(self.variants) or "none"
            raise FileNotInRun(f"The model of run {self.run_id} has no variant {variant!r}. Available: {names}.")
        return self.variants[variant], f"{self.name}.{variant}.onnx"


class ModelFolder:
    """Find models. The trainer writes a card after it has verified the file, so a run without a card has no model."""

    def __init__(self, store: RunStore) -> None:
        self._store = store

    def list(self, offset: int = 0, limit: int | None = None) -> Iterator[TrainedModel]:
        """Yield the models, newest run first. It searches only until it has found `limit` models."""
        end = None if limit is None else offset + limit
        directories = map(self._store.directory, self._store.ids())
        return islice((model for model in map(_model, directories) if model is not None), offset, end)

    def find(self, run_id: str) -> TrainedModel:
        """Raises RunNotFound, or FileNotInRun if the run has no model (yet)."""
        run = self._store.find(run_id)
        model = _model(run.directory)
        if model is None:
            raise FileNotInRun(f"Run {run_id} is {run.state} and has no model.")
        return model


def _model(run: RunDir) -> TrainedModel | None:
    card = run.read_json(run.card)
    if card is None or is_foreign(run):
        return None
    file = _file(run, card.get("model_path"))
    size_bytes = _size_of(file)
    if file is None or size_bytes is None:
        return None
    name = card["model_name"] if is_plain_name(card.get("model_name")) else "model"
    described = _variants_in(card)
    found = {variant: _file(run, entry.get("model_path")) for variant, entry in described.items()}
    variants = {variant: place for variant, place in found.items() if place is not None}
    ours: dict[str, Any] = {"run_id": run.run_id, "model_name": name, "model_path": str(file)}
    ours["size_bytes"] = size_bytes
    tested = card.get("test_metrics")
    ours["is_tested"] = isinstance(tested, dict) and any(value is not None for value in tested.values())
    if described:
        places = {variant: {"model_path": str(place)} for variant, place in variants.items()}
        ours["variants"] = [entry | places.get(variant, {}) for variant, entry in described.items()]
    return TrainedModel(run.run_id, name, file, variants, well_typed(card, MODEL_CARD) | ours)


def _file(run: RunDir, model_path: object) -> RunFile | None:
    """Find the ONNX file that a card names.

    We look for its name beside the checkpoints. So we find it after somebody moved the folder, and no card can make us
    serve another file.
    """
    name = model_path.rpartition("/")[2] if isinstance(model_path, str) else ""
    file = run.file(run.checkpoints / name)
    return file if name.endswith(".onnx") and file.exists() else None


def _size_of(file: RunFile | None) -> int | None:
    try:
        return None if file is None else file.status().st_size
    except OSError:  # Somebody removed it meanwhile.
        return None


def _variants_in(card: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the variants in a card by name. Another program may have written anything there."""
    variants = card.get("variants")
    entries = [each for each in variants if isinstance(each, dict)] if isinstance(variants, list) else []
    return {each["name"]: each for each in entries if is_plain_name(each.get("name"))}
