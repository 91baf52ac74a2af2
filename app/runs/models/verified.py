"""The model of our own trainer. The trainer writes its card after it has verified the ONNX file."""

from __future__ import annotations

from typing import Any

from app.runs.models.model import ONNX, Model
from app.runs.names import is_plain_name
from app.runs.store.run import Run
from app.runs.store.welltyped import MODEL_CARD, VARIANT, well_typed
from trainer.rundir import RunDir
from trainer.runfile import RunFile


def verified_models(run: Run) -> list[Model]:
    """Return the model of the run, or nothing."""
    directory = run.directory
    card = directory.read_json(directory.card) or {}
    file = _file(directory, card.get("model_path"))
    if file is None:
        return []
    try:
        status = file.status()
    except OSError:  # It was removed in the meantime.
        return []
    name = card["model_name"] if is_plain_name(card.get("model_name")) else "model"
    described, facts = _described_variants(card), well_typed(card, MODEL_CARD)
    found = {name: _file(directory, entry.get("model_path")) for name, entry in described.items()}
    variants = {name: file for name, file in found.items() if file is not None}
    if described:
        places = {name: {"model_path": str(place)} for name, place in variants.items()}
        facts["variants"] = [well_typed(entry, VARIANT) | places.get(name, {}) for name, entry in described.items()]
    path = file.path.relative_to(directory.path).as_posix()
    return [Model(run.run_id, name, path, file, status, facts, True, variants=variants, is_verified=True)]


def _file(run: RunDir, model_path: object) -> RunFile | None:
    """Find the ONNX file that a card names.

    Only its name counts, and only beside the checkpoints. So we find it after the run was moved, and no card can make
    us serve another file.
    """
    name = model_path.rpartition("/")[2] if isinstance(model_path, str) else ""
    file = run.file(run.checkpoints / name)
    return file if name.endswith(ONNX) and file.exists() else None


def _described_variants(card: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the variants in a card by name. The card may contain anything."""
    variants = card.get("variants")
    entries = [each for each in variants if isinstance(each, dict)] if isinstance(variants, list) else []
    return {each["name"]: each for each in entries if is_plain_name(each.get("name"))}
