"""What a machine lacks for an experiment."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.runs.start.machine import problems
from trainer.experiment.accelerators import Machine
from trainer.experiment.experiment import Experiment, parse


def pretrained(source: str) -> Experiment:
    return parse({"model": {"pretrained": source}, "data": {"batch_size": 6}})


@pytest.mark.parametrize(("source", "is_refused"), [("./none", True), ("/none", True), ("org/name", False)])
def test_a_pretrained_folder_must_exist_where_the_run_executes(source: str, is_refused: bool) -> None:
    assert ("model.pretrained" in problems(pretrained(source), Machine())) is is_refused
    assert "model.pretrained" not in problems(pretrained(source), None), "a node may have a folder of its own"


def test_a_pretrained_folder_that_exists_is_no_problem(tmp_path: Path) -> None:
    assert "model.pretrained" not in problems(pretrained(str(tmp_path)), Machine())
