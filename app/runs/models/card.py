"""Find the model card of a file that another program wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from app.runs.store.welltyped import MODEL_CARD, well_typed
from trainer.rundir import RunDir

MAX_CARD_BYTES = 2 * 1024 * 1024


class Card(NamedTuple):
    """The content of a card. A field of the wrong type is None."""

    path: Path
    facts: dict[str, Any]


def find_card(run: RunDir, folder: Path, model: Path) -> Card | None:
    """Find the card of a model: NAME.json for NAME.onnx, beside it or in `folder`, or classification_model.json there.

    A JSON file is a card if it has a field of one. classification_model.json may be the card of any file, so it must
    name the model in `model_path`.
    """
    for path in _candidates(run, folder, model):
        content = run.file(path).read_json(MAX_CARD_BYTES) or {}
        named = content.get("model_path")
        is_named = isinstance(named, str) and named.rpartition("/")[2] == model.name
        if not MODEL_CARD.keys().isdisjoint(content) and (is_named or path.name != run.card.name):
            return Card(path, well_typed(content, MODEL_CARD))
    return None


def _candidates(run: RunDir, folder: Path, model: Path) -> Iterator[Path]:
    for name in (f"{model.stem}.json", run.card.name):
        for parent in dict.fromkeys((model.parent, folder)):
            if (path := parent / name) != model:
                yield path
