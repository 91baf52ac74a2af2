"""The parameters that a resumed run may change, and the errors for the others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from trainer.experiment.experiment import Experiment, list_parameters, parse
from trainer.experiment.resumable import (
    BETWEEN_EPOCHS,
    MAY_CHANGE,
    MUST_STAY,
    NULL_STAYS,
    LastState,
    ResumeImpossible,
    data_problem,
    problems,
)
from trainer.rundir import RunDir

PARAMETERS = [*list_parameters(), "model.class_path"]
LISTS = (MAY_CHANGE, BETWEEN_EPOCHS, NULL_STAYS, MUST_STAY)


def is_in(path: str, parameters: frozenset[str]) -> bool:
    return any(path == each or path.startswith(f"{each}.") for each in parameters)


def test_every_parameter_is_in_one_list() -> None:
    for path in PARAMETERS:
        assert sum(is_in(path, each) for each in LISTS) == 1, path
    for name in frozenset().union(*LISTS):
        assert any(is_in(path, frozenset({name})) for path in PARAMETERS), f"{name} is not a parameter"


EARLIER = parse(
    {
        "model": {"architecture": "ResNetForImageClassification", "config": {"depths": [1, 1]}},
        "data": {"image_size": 8, "channels": 1, "batch_size": 8, "mean": [0.5], "std": [0.2]},
        "optimizer": {"backbone_learning_rate": 0.1},
        "trainer": {"max_epochs": 5},
        "early_stopping": {"patience": 3},
    }
)
REFUSED: dict[str, Any] = {
    "model.architecture": "ViTForImageClassification",
    "model.config": {"depths": [1, 2]},
    "model.pretrained": "somewhere",
    "model.class_path": "a.B",
    "model.init_args": {"width": 3},
    "data.image_size": 9,
    "data.channels": 3,
    "data.mean": (0.4,),
    "data.std": (0.3,),
    "optimizer.name": "sgd",
    "optimizer.backbone_learning_rate": None,
    "trainer.ema_decay": 0.9,
    "seed": 1,
    "data.val_share": 0.3,
    "data.test_share": 0.3,
    "data.batch_size": 4,
    "data.sampling": "balanced",
    "data.skip_unreadable": True,
    "data.value_range": (0.0, 1023.0),
}


def changed(section: Any, path: str, value: object) -> Any:
    """Change one parameter of a section or the experiment, without validation."""
    name, _, rest = path.partition(".")
    return replace(section, **{name: changed(getattr(section, name), rest, value) if rest else value})


def state_of(experiment: Experiment = EARLIER, **facts: Any) -> LastState:
    return replace(LastState("earlier", experiment, ("a", "b"), 40, epoch=3, batch=0, step=15), **facts)


def test_an_unchanged_experiment_has_no_problems_and_a_state_survives_a_round_trip() -> None:
    state = state_of(value_range=(0.0, 1023.0))
    assert problems(state, EARLIER, is_complete=False) == {}
    assert LastState.load(json.loads(json.dumps(state.dump())), None) == state  # type: ignore[arg-type]


@pytest.mark.parametrize("version", [None, 1, 3, "2"])
def test_a_state_of_another_version_is_refused(version: Any, tmp_path: Path) -> None:
    content = state_of().dump() | {"version": version}
    if version is None:
        del content["version"]
    with pytest.raises(ResumeImpossible, match="another version"):
        LastState.load(content, RunDir(tmp_path / "run"))


@pytest.mark.parametrize("path", [path for path in PARAMETERS if not is_in(path, MAY_CHANGE)])
def test_a_change_of_a_fixed_parameter_is_refused_by_its_name(path: str) -> None:
    requested = changed(EARLIER, path, REFUSED[path])
    (name,), (texts,) = zip(*problems(state_of(batch=2), requested, is_complete=False).items(), strict=True)
    assert is_in(name, frozenset({path}))
    assert texts[0].startswith("must stay ")
    between_epochs = problems(state_of(), requested, is_complete=False)
    assert (between_epochs == {}) is is_in(path, BETWEEN_EPOCHS)


def test_a_number_may_change_to_another_number_where_null_must_stay() -> None:
    for earlier, path in (
        (EARLIER, "optimizer.backbone_learning_rate"),
        (changed(EARLIER, "trainer.ema_decay", 0.9), "trainer.ema_decay"),
    ):
        assert problems(state_of(earlier, batch=2), changed(earlier, path, 0.5), is_complete=False) == {}


@pytest.mark.parametrize(
    ("change", "state", "is_complete", "named"),
    [
        ({"trainer.max_epochs": 2}, {}, False, {"trainer.max_epochs"}),
        ({"trainer.max_epochs": 3}, {"batch": 1}, False, {"trainer.max_epochs"}),
        ({"trainer.max_epochs": 3}, {}, False, set()),  # tests and exports
        ({"trainer.max_epochs": 3}, {}, True, {"trainer.max_epochs"}),
        ({"trainer.max_epochs": 3, "export.opset": 19}, {}, True, set()),  # exports with another opset
        ({"trainer.max_epochs": 6}, {"epoch": 5}, True, set()),
        ({}, {}, True, {"early_stopping.patience"}),
        ({"trainer.max_epochs": 9}, {}, True, {"early_stopping.patience"}),
        ({"early_stopping.patience": 4}, {}, True, set()),
        ({"early_stopping.monitor": "val/acc"}, {}, True, set()),
    ],
)
def test_a_resume_with_nothing_left_to_do_is_refused(
    change: dict[str, Any], state: dict[str, int], is_complete: bool, named: set[str]
) -> None:
    requested = EARLIER
    for path, value in change.items():
        requested = changed(requested, path, value)
    assert set(problems(state_of(**state), requested, is_complete)) == named


def test_changed_classes_are_reported_and_added_images_wait_for_the_next_epoch() -> None:
    assert data_problem(state_of(), ("a", "b"), 99) is None
    assert "40" in str(data_problem(state_of(batch=1), ("a", "b"), 99))
    assert data_problem(state_of(batch=1), ("a", "b"), None) is None
    assert "b missing and c added" in str(data_problem(state_of(), ("a", "c"), 40))
    assert "order" in str(data_problem(state_of(), ("b", "a"), 40))
