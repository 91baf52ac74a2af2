"""Files that other programs write into a run, reduced to the types that the REST API describes."""

from __future__ import annotations

from typing import Any

import pytest

from app.runs.store.welltyped import MODEL_CARD, PROGRESS, well_typed
from trainer.dataset.splits import SPLITS


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            {"phase": "fit", "epoch": 0.5, "step": 3, "eta_s": 1.5},
            {"phase": "fit", "epoch": 0.5, "step": 3, "eta_s": 1.5},
        ),
        ({"epoch": "3", "batch": 1.5, "phase": 7}, {"epoch": None, "batch": None, "phase": None}),
        ({"epoch": True, "eta_s": float("nan")}, {"epoch": None, "eta_s": None}),
        ({"percent": 250, "eta_s": -1, "max_epochs": -2}, {"percent": None, "eta_s": None, "max_epochs": None}),
        ({"max_epochs": 1e300, "eta_s": 1e13, "step": 10**30}, {"max_epochs": None, "eta_s": None, "step": None}),
        ({"percent": -0.1, "step": -1, "batch": -1}, {"percent": None, "step": None, "batch": None}),
        ({"percent": 100, "epoch": -1, "step": 0, "eta_s": 0}, {"percent": 100, "epoch": -1, "step": 0, "eta_s": 0}),
        ({"eta_s": None, "own": {"anything": 1}}, {"eta_s": None, "own": {"anything": 1}}),
    ],
)
def test_progress_of_a_wrong_type_or_out_of_range_becomes_null(
    written: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert well_typed(written, PROGRESS) == expected


def test_card_fields_of_a_wrong_type_become_null() -> None:
    card = {
        "class_names": ["a", "b"],
        "test_metrics": {"test/acc": 1, "test/loss": None},
        "splits": dict.fromkeys(SPLITS),
        "opset": 18,
    }
    assert well_typed(card, MODEL_CARD) == card
    odd = {"class_names": "ab", "test_metrics": {"test/acc": "1"}, "variants": [1], "dataset_name": 3}
    assert well_typed(odd, MODEL_CARD) == dict.fromkeys(odd)
