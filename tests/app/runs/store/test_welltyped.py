"""What others wrote into the files of a run, held to the types that REST describes."""

from __future__ import annotations

from typing import Any

import pytest

from app.runs.store.welltyped import MODEL_CARD, PROGRESS, well_typed


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (
            {"phase": "fit", "epoch": 0.5, "step": 3, "eta_s": 1.5},
            {"phase": "fit", "epoch": 0.5, "step": 3, "eta_s": 1.5},
        ),
        ({"epoch": "3", "batch": 1.5, "phase": 7}, {"epoch": None, "batch": None, "phase": None}),
        ({"epoch": True, "eta_s": float("nan")}, {"epoch": None, "eta_s": None}),
        ({"eta_s": None, "own": {"anything": 1}}, {"eta_s": None, "own": {"anything": 1}}),
    ],
)
def test_progress_holds_numbers_or_nothing(told: dict[str, Any], kept: dict[str, Any]) -> None:
    assert well_typed(told, PROGRESS) == kept


def test_a_card_holds_what_is_described() -> None:
    card = {"class_names": ["a", "b"], "test_metrics": {"test/acc": 1, "test/loss": None}, "splits": {}, "opset": 18}
    assert well_typed(card, MODEL_CARD) == card
    odd = {"class_names": "ab", "test_metrics": {"test/acc": "1"}, "variants": [1], "dataset_name": 3}
    assert well_typed(odd, MODEL_CARD) == dict.fromkeys(odd)
