"""What a run needs, where the service knows the accelerators and where it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.runs.executors.executor import Needs
from app.runs.start.needs import gpu_problems, needs_of
from app.runs.start.request import StartRequest
from tests.app.runs.executors.fake import FakeCluster, FakeExecutor
from trainer.experiment.accelerators import Machine
from trainer.experiment.experiment import Experiment, parse

DATA = {"batch_size": 6}
MODEL = {"pretrained": "x"}


class Executor(FakeExecutor):
    """An executor that describes its accelerators, or does not."""

    def __init__(self, machine: Machine | None) -> None:
        super().__init__(FakeCluster())
        self._machine = machine
        self.num_gpus = None if machine is None else len(machine.cuda_has_bf16)

    def accelerators(self) -> Machine | None:
        return self._machine


UNKNOWN, CPU, GPUS = Executor(None), Executor(Machine()), Executor(Machine((True, True)))


def experiment(**trainer: Any) -> Experiment:
    return parse({"model": MODEL, "data": DATA, "trainer": trainer})


@pytest.mark.parametrize(
    ("executor", "trainer", "gpus"),
    [
        (UNKNOWN, {}, None),
        (UNKNOWN, {"devices": [0, 1]}, 2),
        (UNKNOWN, {"devices": [2]}, 3),
        (UNKNOWN, {"accelerator": "cuda"}, 1),
        (UNKNOWN, {"accelerator": "cpu", "devices": [0, 1]}, 0),
        (CPU, {"devices": [0, 1]}, 0),
        (GPUS, {}, 1),
        (GPUS, {"devices": [0, 1]}, 2),
        (GPUS, {"accelerator": "cpu", "devices": [0, 1]}, 0),
    ],
)
def test_our_trainer_needs_the_gpus_that_its_devices_name(
    executor: Executor, trainer: dict[str, Any], gpus: int | None
) -> None:
    assert needs_of(StartRequest(), experiment(**trainer), executor) == Needs(gpus)
    assert needs_of(StartRequest(gpus=4), experiment(**trainer), executor) == Needs(4), "the request decides"


@pytest.mark.parametrize(
    ("executor", "asked", "field", "problem"),
    [
        (GPUS, StartRequest(), "trainer.devices", "at most 2"),
        (GPUS, StartRequest(overrides={"trainer.devices": [2]}), "overrides.trainer.devices", "at most 2"),
        (GPUS, StartRequest(gpus=3), "gpus", "at most 2"),
        (UNKNOWN, StartRequest(gpus=2), "gpus", "at least 3"),
    ],
)
def test_too_many_or_too_few_gpus_are_refused_where_they_come_from(
    executor: Executor, asked: StartRequest, field: str, problem: str
) -> None:
    assert problem in gpu_problems(asked, experiment(devices=[0, 1, 2]), executor)[field][0]
    on_cpu = experiment(devices=[0, 1, 2], accelerator="cpu")
    assert gpu_problems(replace(asked, gpus=0), on_cpu, executor) == {}
