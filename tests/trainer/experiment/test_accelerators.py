"""Parameters that a machine does not support, with descriptions of several machines."""

from __future__ import annotations

import pytest

from trainer.experiment.accelerators import Machine, accelerator_of, problems
from trainer.experiment.sections import Trainer

CPU = Machine()
OLD_GPU = Machine(cuda_has_bf16=(False,))
GPUS = Machine(cuda_has_bf16=(True, False))
MAC = Machine(has_mps=True)


@pytest.mark.parametrize(("machine", "name"), [(CPU, "cpu"), (OLD_GPU, "cuda"), (MAC, "mps")])
def test_auto_chooses_the_best_accelerator(machine: Machine, name: str) -> None:
    assert accelerator_of(Trainer(), machine) == name
    assert not list(problems(Trainer(), machine))
    assert not list(problems(Trainer(accelerator="cpu", precision="bf16"), machine))


@pytest.mark.parametrize(
    ("chosen", "machine", "parameter", "expected"),
    [
        (Trainer(accelerator="cuda"), CPU, "accelerator", "there is no cuda device for a run"),
        (Trainer(accelerator="mps"), GPUS, "accelerator", "there is no mps device for a run"),
        (Trainer(devices=(2,)), GPUS, "devices", "must be from 0 to 1"),
        (Trainer(devices=(1,)), OLD_GPU, "devices", "must be [0], because a run has 1 GPU here"),
        (Trainer(precision="bf16"), OLD_GPU, "precision", "Ampere"),
        (Trainer(precision="bf16", devices=(0, 1)), GPUS, "precision", "Ampere"),
        (Trainer(devices=(0, 1)), MAC, "devices", "must be [0] on mps"),
        (Trainer(precision="bf16"), MAC, "precision", "macOS 14"),
        (Trainer(precision="16"), MAC, "precision", "needs a CUDA GPU"),
        (Trainer(accelerator="cpu", devices=(1,)), GPUS, "devices", "must count from 0 on the CPU"),
    ],
)
def test_an_unsupported_value_is_reported_for_its_parameter(
    chosen: Trainer, machine: Machine, parameter: str, expected: str
) -> None:
    ((found, message),) = problems(chosen, machine)
    assert found == parameter
    assert expected in message


def test_a_gpu_with_bf16_may_be_chosen_by_its_index() -> None:
    assert not list(problems(Trainer(precision="bf16", devices=(0,)), GPUS))
    assert not list(problems(Trainer(precision="16", devices=(1,)), GPUS))
