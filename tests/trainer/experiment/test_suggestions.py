"""The parameters that are suggested for unknown keys."""

from __future__ import annotations

import pytest

from trainer.experiment.experiment import known_paths, list_parameters
from trainer.experiment.suggestions import ALIASES, explain_unknown

KNOWN = known_paths(is_command=False)


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("optimizer.lr", "optimizer.learning_rate"),
        ("lr", "optimizer.learning_rate"),
        ("lr0", "optimizer.learning_rate"),
        ("LR", "optimizer.learning_rate"),
        ("learning_rate", "optimizer.learning_rate"),
        ("learning-rate", "optimizer.learning_rate"),
        ("lerning_rate", "optimizer.learning_rate"),
        ("epochs", "trainer.max_epochs"),
        ("trainer.epochs", "trainer.max_epochs"),
        ("num_train_epochs", "trainer.max_epochs"),
        ("trainer.batch_size", "data.batch_size"),
        ("bs", "data.batch_size"),
        ("imgsz", "data.image_size"),
        ("model.img_size", "data.image_size"),
        ("wd", "optimizer.weight_decay"),
        ("workers", "data.num_workers"),
        ("fp16", "trainer.precision"),
        ("amp", "trainer.precision"),
        ("gpus", "trainer.devices"),
        ("device", "trainer.accelerator or trainer.devices"),
        ("patience", "early_stopping.patience"),
        ("monitor", "early_stopping.monitor or checkpoint.monitor"),
        ("trainer.max_grad_norm", "trainer.gradient_clip_norm"),
        ("augmentation", "data.augmentation"),
        ("trainer.optimizer", "optimizer"),
        ("trainr", "trainer"),
        ("model.architectur", "model.architecture"),
    ],
)
def test_a_parameter_is_suggested_by_its_meaning(path: str, meant: str) -> None:
    assert explain_unknown(path, KNOWN) == f"unknown parameter; did you mean {meant}"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("num_classes", "leave it out"),
        ("model.num_classes", "leave it out"),
        ("data.train_dir", "`dataset`"),
        ("resume", "`resume_from`"),
        ("trainer.max_steps", "trainer.max_epochs sets the length"),
        ("per_device_train_batch_size", "images of all devices together"),
        ("freeze", "trains only the head"),
        ("output_dir", "the service gives each run"),
        ("optimizer.learning_rate", 'write "learning_rate:" below "optimizer:"'),
        ("optimizer.xyz", "known are optimizer.name, optimizer.learning_rate"),
        ("xyz", "known are description, seed"),
    ],
)
def test_a_name_without_a_parameter_is_explained(path: str, expected: str) -> None:
    assert expected in explain_unknown(path, KNOWN)


def test_every_suggestion_exists() -> None:
    assert set(ALIASES) <= {*KNOWN, *known_paths(is_command=True)}


@pytest.mark.parametrize("is_command", [False, True])
def test_every_alias_is_needed_in_its_kind_of_experiment(is_command: bool) -> None:
    known = known_paths(is_command)
    names = {path.rpartition(".")[2] for path in known}
    assert not names & {alias for path in known for alias in ALIASES.get(path, "").split()}


def test_only_parameters_that_may_be_set_are_suggested() -> None:
    assert "command" not in explain_unknown("cmd", list_parameters())
