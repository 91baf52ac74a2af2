"""Files of Hydra among the experiments."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trainer.trainings import ROOT
from trainer.experiment import experiment, hydra
from trainer.experiment.experiment import ExperimentInvalid

HYDRA = {
    "an experiment of a template": "# @package _global_\n\ndefaults:\n  - override /data: mnist\n\ntags: [mnist]\n",
    "a list of defaults": "defaults:\r\n\r\n  # order matters\r\n- _self_\r\n- model: resnet\r\n",
    "a flow list of defaults": "defaults: [_self_, {model: resnet}]\nseed: 1\n",
    "an object to instantiate": "model:\n  _target_: src.models.Net\n  lr: 0.1\n",
    "a flow mapping with a target": "model: {_target_: src.models.Net}\n",
    "the settings of Hydra": "hydra:\n  run:\n    dir: logs/${now:%Y-%m-%d}\nseed: 1\n",
    "what YAML 1.1 and 1.2 read differently": "# @package _global_\nmodel:\n  pretrained: yes\n",
    "a section of ours too": "model: {architecture: ResNetForImageClassification}\ndefaults:\n  - data: mnist\n",
}
OTHERS = {
    "a mistake": "model: {architecture: ResNetForImageClassification}\ntrainr: {}\n",
    "a command that runs a Hydra program": "command: {argv: [train, 3]}\ndescription: |\n  hydra: yes\n",
    "a section called defaults": "defaults: {lr: 3}\nmodel: {}\n",
    "a broken command": "command:\n  argv: [a\n# @package x\n",
}


def errors_of(path: Path, text: str) -> dict[str, list[str]]:
    path.write_bytes(text.encode())
    with pytest.raises(ExperimentInvalid) as raised:
        experiment.load(path, {"seed": "x"})
    return raised.value.errors


@pytest.mark.parametrize("text", HYDRA.values(), ids=HYDRA)
def test_a_hydra_configuration_has_one_error(tmp_path: Path, text: str) -> None:
    assert errors_of(tmp_path / "a.yaml", text) == {"": [hydra.ADVICE]}


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
def test_the_mistakes_of_any_other_file_are_named(tmp_path: Path, text: str) -> None:
    assert hydra.ADVICE not in errors_of(tmp_path / "a.yaml", text).get("", [])


def test_a_valid_experiment_is_never_taken_for_one(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("# @package _global_\nmodel: {architecture: ResNetForImageClassification}\n")
    assert experiment.load(path).model.architecture == "ResNetForImageClassification"


def test_the_advice_names_a_section_of_the_documents() -> None:
    assert "see Hydra in docs/commands.md" in hydra.ADVICE
    assert "\n### Hydra\n" in (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
