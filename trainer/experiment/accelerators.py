"""Choose the accelerator of a training, and find what the machine lacks for it. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from trainer.experiment.sections import Trainer


@dataclass(frozen=True)
class Machine:
    """The accelerators of a machine other than its CPU."""

    cuda_has_bf16: tuple[bool, ...] = ()
    """For each CUDA device, whether it supports bf16."""
    has_mps: bool = False
    mps_has_bf16: bool = False


def accelerator_of(chosen: Trainer, machine: Machine) -> str:
    """Return cpu, cuda or mps: the accelerator that `chosen` names, or that auto selects on `machine`."""
    if chosen.accelerator != "auto":
        return chosen.accelerator
    return "cuda" if machine.cuda_has_bf16 else "mps" if machine.has_mps else "cpu"


def problems(chosen: Trainer, machine: Machine) -> Iterator[tuple[str, str]]:
    """Yield what `machine` does not support, as (parameter of the section `trainer`, message)."""
    accelerator, precision = accelerator_of(chosen, machine), chosen.precision
    missing = {"cuda": not machine.cuda_has_bf16, "mps": not machine.has_mps}
    if missing.get(accelerator):
        yield "accelerator", f"there is no {accelerator} device for a run; auto selects an accelerator that exists"
    elif accelerator == "cuda":
        yield from _cuda_problems(chosen, machine)
    elif accelerator == "mps":
        if chosen.devices != (0,):
            yield "devices", "must be [0] on mps"
        if precision == "bf16" and not machine.mps_has_bf16:
            yield "precision", "bf16 on mps needs macOS 14 or newer"
    elif chosen.devices != tuple(range(len(chosen.devices))):
        yield "devices", "must count from 0 on the CPU, like [0, 1] for two processes"
    if precision == "16" and accelerator != "cuda":
        yield "precision", "16 needs a CUDA GPU; bf16 and 32 do not"


def _cuda_problems(chosen: Trainer, machine: Machine) -> Iterator[tuple[str, str]]:
    count = len(machine.cuda_has_bf16)
    if max(chosen.devices) >= count:
        possible, gpus = ("[0]", "1 GPU") if count == 1 else (f"from 0 to {count - 1}", f"{count} GPUs")
        yield "devices", f"must be {possible}, because a run has {gpus} here"
    elif chosen.precision == "bf16" and not all(machine.cuda_has_bf16[index] for index in chosen.devices):
        yield "precision", "bf16 needs a GPU of NVIDIA's Ampere generation or newer; this one supports 32 and 16"
