"""Which settings a resumed run may change: every one of them is tested, as one that takes effect or as one refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from tests.trainer.trainings import OWN_NETWORK, Launcher, Started, read_rows, write_config, write_images
from trainer.experiment.experiment import Experiment, list_parameters, parse
from trainer.experiment.resumable import (
    BETWEEN_EPOCHS,
    MAY_CHANGE,
    MUST_STAY,
    NULL_STAYS,
    LastState,
    data_problem,
    problems,
)
from trainer.rundir import read_json

SETTINGS = [*list_parameters(), "model.class_path"]
LISTS = (MAY_CHANGE, BETWEEN_EPOCHS, NULL_STAYS, MUST_STAY)


def is_in(path: str, settings: frozenset[str]) -> bool:
    return any(path == each or path.startswith(f"{each}.") for each in settings)


def test_every_setting_stands_in_one_list() -> None:
    for path in SETTINGS:
        assert sum(is_in(path, each) for each in LISTS) == 1, path
    for name in frozenset().union(*LISTS):
        assert any(is_in(path, frozenset({name})) for path in SETTINGS), f"{name} is no setting"


# what is refused

HAD = parse(
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
    """A section, or the experiment, in which one setting differs, also where its own rules would not have it."""
    name, _, rest = path.partition(".")
    return replace(section, **{name: changed(getattr(section, name), rest, value) if rest else value})


def state_of(experiment: Experiment = HAD, **facts: Any) -> LastState:
    return replace(LastState("earlier", experiment, ("a", "b"), 40, epoch=3, batch=0, step=15), **facts)


def test_the_same_again_is_no_problem_and_a_state_is_what_it_was_after_it_was_written() -> None:
    state = state_of(value_range=(0.0, 1023.0))
    assert problems(state, HAD, is_complete=False) == {}
    assert LastState.load(json.loads(json.dumps(state.dump())), None) == state  # type: ignore[arg-type]


@pytest.mark.parametrize("path", [path for path in SETTINGS if not is_in(path, MAY_CHANGE)])
def test_what_must_stay_is_refused_by_its_name(path: str) -> None:
    asked = changed(HAD, path, REFUSED[path])
    (name,), (texts,) = zip(*problems(state_of(batch=2), asked, is_complete=False).items(), strict=True)
    assert is_in(name, frozenset({path}))
    assert texts[0].startswith("must stay ")
    between_epochs = problems(state_of(), asked, is_complete=False)
    assert (between_epochs == {}) is is_in(path, BETWEEN_EPOCHS)


def test_a_number_may_become_another_where_null_may_not() -> None:
    for had, path in (
        (HAD, "optimizer.backbone_learning_rate"),
        (changed(HAD, "trainer.ema_decay", 0.9), "trainer.ema_decay"),
    ):
        assert problems(state_of(had, batch=2), changed(had, path, 0.5), is_complete=False) == {}


@pytest.mark.parametrize(
    ("change", "state", "is_complete", "named"),
    [
        ({"trainer.max_epochs": 2}, {}, False, {"trainer.max_epochs"}),
        ({"trainer.max_epochs": 3}, {"batch": 1}, False, {"trainer.max_epochs"}),
        ({"trainer.max_epochs": 3}, {}, False, set()),  # to test and to export
        ({"trainer.max_epochs": 3}, {}, True, {"trainer.max_epochs"}),
        ({"trainer.max_epochs": 3, "export.opset": 19}, {}, True, set()),  # to export in another way
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
    asked = HAD
    for path, value in change.items():
        asked = changed(asked, path, value)
    assert set(problems(state_of(**state), asked, is_complete)) == named


def test_other_classes_are_named_and_more_images_wait_for_the_next_epoch() -> None:
    assert data_problem(state_of(), ("a", "b"), 99) is None
    assert "40" in str(data_problem(state_of(batch=1), ("a", "b"), 99))
    assert data_problem(state_of(batch=1), ("a", "b"), None) is None
    assert str(data_problem(state_of(), ("a", "c"), 40)).endswith("b missing and c added")
    assert str(data_problem(state_of(), ("b", "a"), 40)).endswith("their order")


# what takes effect

SPY = """
import json, multiprocessing, os

class Spy(TwoParts):
    '''Writes down what it sees of each batch that it trains on.'''

    def forward(self, images):
        logits = super().forward(images)
        if self.training and torch.is_grad_enabled():
            levels = (images.float() * 0.25 + 0.5) * 255
            seen = {
                "images": len(images),
                "dtype": str(logits.dtype),
                "threads": torch.get_num_threads(),
                "deterministic": torch.are_deterministic_algorithms_enabled(),
                "loaders": len(multiprocessing.active_children()),
                "erased": float((images == 0).float().mean()),
                "is_mixed": bool(((levels - levels.round()).abs() > 0.01).any()),
            }
            with open(os.environ["SPY"], "a") as file:
                file.write(json.dumps(seen) + chr(10))
        return logits
"""

EARLIER = """
model: {class_path: spying.Spy}
data: {image_size: 8, channels: 1, batch_size: 8, mean: [0.5], std: [0.25]}
optimizer: {name: sgd, learning_rate: 0.1}
trainer: {max_epochs: 4, cpu_threads: 1, log_every_n_steps: 1}
"""
STILL = {"optimizer.learning_rate": 1e-7, "scheduler.name": "constant", "scheduler.warmup_fraction": 0.0}
"""The weights stay as they were, so that losses of two trainings can be compared."""
PLAIN = {**STILL, "trainer.max_epochs": 5}
FIRST = {
    **PLAIN,
    "description": "the first",
    "loggers": ["csv", "tensorboard"],
    "data.num_workers": 1,
    "data.cache": False,
    "loss.class_weights": "balanced",
    "optimizer.weight_decay": 0.5,
    "optimizer.momentum": 0.7,
    "trainer.cpu_threads": 2,
    "trainer.deterministic": True,
    "trainer.accumulate_batches": 2,
    "trainer.log_every_n_steps": 3,
    "checkpoint.monitor": "train/loss",
    "export.include_preprocessing": True,
}
SECOND = {
    "optimizer.learning_rate": 5.0,
    "optimizer.weight_decay": 0.0,
    "optimizer.momentum": 0.001,
    "scheduler.name": "constant",
    "trainer.max_epochs": 9,
    "data.cache_max_gb": 0.0,
    "data.augmentation.erasing": 1.0,
    "data.mixing.mixup_alpha": 5.0,
    "loss.label_smoothing": 0.9,
    "trainer.precision": "bf16",
    "trainer.gradient_clip_norm": 1e-9,
    "trainer.freeze_backbone_epochs": 9,
    "early_stopping.patience": 5,
    "early_stopping.min_delta": 100.0,
}


@dataclass
class Resumed:
    """A training that was resumed with other settings, and what can be seen of them."""

    started: Started
    earlier: Started
    spied: Path

    @cached_property
    def log(self) -> str:
        return self.started.log

    @cached_property
    def batches(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.spied.read_text().splitlines()]

    @cached_property
    def rows(self) -> list[dict[str, str]]:
        """Those after the earlier run's."""
        return [row for row in read_rows(self.started.run) if int(row["epoch"]) >= 4 and "test/acc" not in row]

    @cached_property
    def epochs(self) -> list[int]:
        return [int(row["epoch"]) for row in self.rows if "train/loss" in row]

    @cached_property
    def loss(self) -> float:
        return next(float(row["train/loss"]) for row in self.rows if "train/loss" in row)

    @cached_property
    def rates(self) -> set[float]:
        return {float(f"{float(row['lr']):.4g}") for row in self.rows if "lr" in row}

    @cached_property
    def checkpoint(self) -> dict[str, Any]:
        return dict(torch.load(self.started.run.last_checkpoint, weights_only=True))

    @cached_property
    def group(self) -> dict[str, Any]:
        return dict(self.checkpoint["optimizer_states"][0]["param_groups"][0])

    def moved(self, part: str) -> float:
        """By how much the weights of a part have changed since the earlier run's end."""
        before = torch.load(self.earlier.run.last_checkpoint, weights_only=True)["state_dict"]
        names = [name for name in before if part in name and before[name].is_floating_point()]
        return max(float((self.checkpoint["state_dict"][name] - before[name]).abs().max()) for name in names)


@pytest.fixture(scope="module")
def resumed(session_launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Resumed]:
    folder = tmp_path_factory.mktemp("resumed")
    (folder / "spying.py").write_text(OWN_NETWORK + SPY)
    config, data = write_config(folder, EARLIER), write_images(folder / "data", {"dark": 60, "bright": 180})
    for image in list((data / "train" / "dark").iterdir())[:12]:
        image.unlink()

    def train(name: str, options: dict[str, Any], *more: str) -> Started:
        given = [f"--set={path}={json.dumps(value)}" for path, value in options.items()]
        name, spied = f"resumed_{name}", folder / name
        done = session_launcher.train(config, data, *given, *more, name=name, PYTHONPATH=str(folder), SPY=str(spied))
        assert done.process.returncode == 0, done.log
        return done

    earlier = train("earlier", {})
    runs = {}
    for name, options in (("plain", PLAIN), ("first", FIRST), ("second", SECOND)):
        runs[name] = Resumed(train(name, options, f"--resume-from={earlier.run.path}"), earlier, folder / name)
    return runs


EVIDENCE: dict[str, Callable[[Resumed, Resumed, Resumed], bool]] = {
    "description": lambda _, first, __: (
        yaml.safe_load(first.started.run.config.read_text())["description"] == "the first"
    ),
    "loggers": lambda _, first, __: (first.started.run.path / "tensorboard").is_dir(),
    "data.num_workers": lambda plain, first, _: plain.batches[0]["loaders"] == 0 < first.batches[0]["loaders"],
    "data.cache": lambda plain, first, _: "decod" not in first.log,
    "data.cache_max_gb": lambda _, __, second: "do not fit into data.cache_max_gb (0.00 GB)" in second.log,
    "data.augmentation": lambda plain, _, second: plain.batches[0]["erased"] < 0.01 < second.batches[0]["erased"],
    "data.mixing": lambda plain, _, second: second.batches[0]["is_mixed"] and not plain.batches[0]["is_mixed"],
    "loss.class_weights": lambda plain, first, _: abs(first.loss - plain.loss) > 1e-3,
    # No logits reach a loss below the entropy of labels of 0.55 and 0.45.
    "loss.label_smoothing": lambda plain, _, second: plain.loss < 0.6 and second.loss > 0.68,
    "optimizer.learning_rate": lambda plain, _, second: plain.rates == {1e-7} and second.rates == {5.0},
    "optimizer.weight_decay": lambda plain, first, _: (
        (plain.group["weight_decay"], first.group["weight_decay"]) == (0.01, 0.5)
    ),
    "optimizer.momentum": lambda plain, first, _: (plain.group["momentum"], first.group["momentum"]) == (0.9, 0.7),
    "scheduler.name": lambda plain, _, __: len(plain.rates) == 1,
    "scheduler.warmup_fraction": lambda plain, _, __: len(plain.rates) == 1,
    "trainer.max_epochs": lambda plain, _, __: plain.epochs == [4],
    "trainer.cpu_threads": lambda plain, first, _: (plain.batches[0]["threads"], first.batches[0]["threads"]) == (1, 2),
    "trainer.precision": lambda plain, _, second: (
        (plain.batches[0]["dtype"], second.batches[0]["dtype"]) == ("torch.float32", "torch.bfloat16")
    ),
    "trainer.deterministic": lambda plain, first, _: (
        first.batches[0]["deterministic"] and not plain.batches[0]["deterministic"]
    ),
    "trainer.gradient_clip_norm": lambda _, __, second: 0 < second.moved("head") < 0.1,
    "trainer.accumulate_batches": lambda plain, first, _: (
        (plain.checkpoint["global_step"], first.checkpoint["global_step"]) == (20, 18)
    ),
    "trainer.freeze_backbone_epochs": lambda plain, _, second: plain.moved("backbone") > 0 == second.moved("backbone"),
    "trainer.log_every_n_steps": lambda plain, first, _: (
        [len([row for row in each.rows if "train/loss_step" in row]) for each in (plain, first)] == [4, 1]
    ),
    # By so large a difference no epoch has improved but the first: four of the earlier run and one more.
    "early_stopping": lambda _, __, second: second.epochs == [4, 5],
    "checkpoint": lambda plain, first, _: (
        "checkpoint.monitor was val/loss: " in first.log and "checkpoint.monitor was" not in plain.log
    ),
    "export": lambda plain, first, _: (
        [(read_json(each.started.run.card) or {})["input_type"] for each in (plain, first)] == ["float32", "uint8"]
    ),
}
ELSEWHERE = {
    "trainer.accelerator": "there is a CPU alone on most machines that run the tests",
    "trainer.devices": "tests.trainer.ddp.test_leader resumes on another number",
    "trainer.compile": "takes a minute; nothing of it is in a checkpoint",
}


def test_of_every_setting_that_may_change_it_is_shown_that_it_takes_effect() -> None:
    assert set(EVIDENCE) | set(ELSEWHERE) == MAY_CHANGE


@pytest.mark.slow
@pytest.mark.parametrize("name", EVIDENCE)
def test_a_setting_that_is_changed_on_a_resume_takes_effect(resumed: dict[str, Resumed], name: str) -> None:
    runs = [resumed[each] for each in ("plain", "first", "second")]
    assert EVIDENCE[name](*runs), "\n".join(each.log for each in runs)
