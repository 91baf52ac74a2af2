"""The models of other programs: the files that match `models.files`."""

from __future__ import annotations

from pathlib import Path

from app.runs.globs import Match, find_matches
from app.runs.models.card import Card, find_card
from app.runs.models.model import ONNX, Model
from app.runs.models.parts import Parts, PartsReader
from app.runs.names import is_plain_name
from app.runs.store.run import Run

MAX_MODELS = 500
"""A program may keep a checkpoint of each epoch. The rest, in the order of `declared_models`, is left out."""

_ABSENT = dict.fromkeys(("class_names", "train_metrics", "test_metrics"))


def declared_models(run: Run, folder: Path, parts: PartsReader) -> list[Model]:
    """Return the matching files below `folder` in the order of the globs, and newest first within a glob.

    The card of a model and the parts of an ONNX file are not models themselves.
    """
    found = find_matches(run.directory, folder, run.outputs.models.files)
    found = sorted(found, key=lambda match: (match.glob, -match.status.st_mtime_ns))[:MAX_MODELS]
    belonging: set[Path] = set()
    models = []
    for match in found:
        path = match.file.path
        card = find_card(run.directory, folder, path)
        needed = parts.read(run.directory, match.file) if path.suffix == ONNX else Parts()
        belonging |= {file.path for file in needed.files.values()} | ({card.path} if card is not None else set())
        models.append(_model(run, match, card, needed))
    return [model for model in models if model.file.path not in belonging]


def _model(run: Run, match: Match, card: Card | None, parts: Parts) -> Model:
    """Describe a file. The dataset and experiment are those of the start, or else those of the card."""
    path = match.file.path
    facts = _ABSENT | (card.facts if card is not None else {}) | {"variants": None}
    facts["dataset_name"] = run.dataset or facts.get("dataset_name")
    facts["config_name"] = run.config_name or facts.get("config_name")
    names = (facts.get("model_name"), run.model_name, path.stem)
    return Model(
        run_id=run.run_id,
        name=next((name for name in names if is_plain_name(name)), "model"),
        path=path.relative_to(run.directory.path).as_posix(),
        file=match.file,
        status=match.status,
        facts=facts,
        # The directory of another program may still be written or copied.
        is_final=run.is_ours and run.is_over,
        parts=parts,
    )
