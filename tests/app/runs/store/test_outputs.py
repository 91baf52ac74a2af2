"""The outputs that run.json declares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.runs.start.planner import Plan
from app.runs.store.outputs import Outputs
from trainer.experiment import experiment
from trainer.experiment.outputs import MetricsOutput, ModelsOutput
from trainer.manifest import RunRequest

REQUEST = RunRequest("x.yaml", None, None, None, None, "model", {}, None)


def test_a_manifest_keeps_what_the_experiment_declares() -> None:
    loaded = experiment.parse({"command": {"argv": ["x"]}, "metrics": {"files": ["a.csv"]}, "log": {"patterns": []}})
    manifest = {"request": {}, **Plan(loaded, REQUEST, None, Path()).declared}
    assert Outputs.of(manifest) == Outputs(metrics=MetricsOutput(files=("a.csv",)))
    ours = experiment.parse({"model": {"architecture": "ResNetForImageClassification"}})
    assert Plan(ours, REQUEST, None, Path()).declared == {}


@pytest.mark.parametrize(
    "manifest", [{}, {"outputs": None}, {"outputs": [1]}, {"outputs": {"metrics": {"files": ["../secret"]}}}]
)
def test_a_corrupt_declaration_declares_nothing(manifest: dict[str, Any]) -> None:
    assert Outputs.of(manifest) == Outputs()


def test_a_corrupt_section_leaves_the_others() -> None:
    outputs = Outputs.of({"outputs": {"metrics": 3, "models": {"files": ["*.onnx"]}}})
    assert outputs == Outputs(models=ModelsOutput(("*.onnx",)))
