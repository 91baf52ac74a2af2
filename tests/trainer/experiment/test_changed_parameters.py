"""Real trainings resumed with other values: every parameter that a resumed run may change takes effect."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from tests.trainer.trainings import OWN_NETWORK, Launcher, Started, read_rows, write_config, write_images
from trainer.experiment.resumable import MAY_CHANGE
from trainer.rundir import read_json

SPY = """
import json, multiprocessing, os

class Spy(TwoParts):
    '''Record the properties of each training batch.'''

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
"""Parameters that keep the weights unchanged, so that the losses of two trainings can be compared."""
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
    """A training that was resumed with other parameters, and the evidence of each."""

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
        """The rows after those of the earlier run."""
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
        """Return the largest change of a part's weights since the end of the earlier run."""
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
    "data.cache_max_gb": lambda _, __, second: "data.cache_max_gb (0.00 GB)" in second.log,
    "data.augmentation": lambda plain, _, second: plain.batches[0]["erased"] < 0.01 < second.batches[0]["erased"],
    "data.mixing": lambda plain, _, second: second.batches[0]["is_mixed"] and not plain.batches[0]["is_mixed"],
    "loss.class_weights": lambda plain, first, _: abs(first.loss - plain.loss) > 1e-3,
    # The loss cannot be less than the entropy of labels of 0.55 and 0.45.
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
    # With so large a min_delta only the first epoch is an improvement. After the four epochs of the earlier run, two
    # more reach the patience.
    "early_stopping": lambda _, __, second: second.epochs == [4, 5],
    "checkpoint": lambda plain, first, _: (
        "checkpoint.monitor was val/loss: " in first.log and "checkpoint.monitor was" not in plain.log
    ),
    "export": lambda plain, first, _: (
        [(read_json(each.started.run.card) or {})["input_type"] for each in (plain, first)] == ["float32", "uint8"]
    ),
}
ELSEWHERE = {
    "trainer.accelerator": "most machines that run the tests have only a CPU",
    "trainer.devices": "tests.trainer.ddp.test_leader resumes on another number",
    "trainer.compile": "takes a minute, and checkpoints store nothing of it",
}


def test_every_parameter_that_may_change_has_evidence() -> None:
    assert set(EVIDENCE) | set(ELSEWHERE) == MAY_CHANGE


@pytest.mark.slow
@pytest.mark.parametrize("name", EVIDENCE)
def test_a_parameter_that_changes_on_a_resume_takes_effect(resumed: dict[str, Resumed], name: str) -> None:
    runs = [resumed[each] for each in ("plain", "first", "second")]
    assert EVIDENCE[name](*runs), "\n".join(each.log for each in runs)
