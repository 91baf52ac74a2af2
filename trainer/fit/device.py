"""On what to train: the experiment's wish against what this machine has.

What is done for CUDA here follows the documentation of torch and Lightning; it was not run on a GPU yet.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel

from trainer.ddp.group import strategy_of
from trainer.experiment import accelerators
from trainer.experiment.accelerators import Machine
from trainer.experiment.experiment import ExperimentInvalid
from trainer.experiment.sections import Trainer
from trainer.network.network import Network
from trainer.request import Place

PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


@dataclass(frozen=True)
class Device:
    """The accelerator and, of its devices, those to train on, a process each."""

    accelerator: str
    indices: tuple[int, ...]
    chosen: Trainer

    @property
    def is_cuda(self) -> bool:
        return self.accelerator == "cuda"

    def options(self, place: Place) -> dict[str, Any]:
        """Lightning's settings: for all devices together, or in a process that is alone for the first one."""
        is_together = place.size > 1
        return {
            "accelerator": self.accelerator,
            "devices": list(self.indices[: place.size]) if self.is_cuda else place.size,
            "strategy": strategy_of(place),
            "use_distributed_sampler": False,  # trainer.batches.datamodule takes each process's share itself
            # Torch has it for GPUs alone.
            "sync_batchnorm": is_together and self.is_cuda,
            "precision": PRECISIONS[self.chosen.precision],
            "deterministic": self.chosen.deterministic,
            # All batches but the last of an epoch have one size, so that a search for the quickest algorithm pays.
            "benchmark": self.is_cuda and not self.chosen.deterministic,
        }

    def set_up(self, place: Place) -> None:
        """Set torch's threads and, on CUDA, let float32 products use TF32, as its convolutions do by default."""
        threads = self.chosen.cpu_threads
        if threads is None and place.size > 1:
            threads = max(1, torch.get_num_threads() // place.size)
        if threads is not None:
            torch.set_num_threads(threads)
            os.environ.setdefault("OMP_NUM_THREADS", str(threads))  # without it Lightning would set its own number
        if self.is_cuda:
            torch.set_float32_matmul_precision("high")

    def arrange(self, network: Network) -> None:
        """Lay out convolutions' weights as NVIDIA's tensor cores want them; a network of one's own decides itself."""
        if self.is_cuda and isinstance(network.model, PreTrainedModel):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def choose_device(chosen: Trainer) -> Device:
    """Raises ExperimentInvalid where this machine has no such device, or the device cannot do what is wished."""
    machine = _this_machine()
    accelerator = accelerators.accelerator_of(chosen, machine)
    for setting, problem in accelerators.problems(chosen, machine):
        raise ExperimentInvalid({f"trainer.{setting}": [problem]})
    if chosen.compile and (missing := _missing_compiler(accelerator)):
        raise ExperimentInvalid({"trainer.compile": [f"needs {missing}, which is not here; false trains without"]})
    return Device(accelerator, chosen.devices, chosen)


def _this_machine() -> Machine:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    has_mps = torch.backends.mps.is_available()
    return Machine(
        cuda_has_bf16=tuple(map(_has_bf16, range(count))),
        has_mps=has_mps,
        mps_has_bf16=has_mps and torch.backends.mps.is_macos_or_newer(14, 0),
    )


def _has_bf16(index: int) -> bool:
    with torch.cuda.device(index):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def _missing_compiler(accelerator: str) -> str | None:
    """What torch.compile needs beside torch, as torch itself looks for it; None where it is there."""
    if accelerator == "cuda" and importlib.util.find_spec("triton") is None:
        return "the package triton"
    from torch._inductor import config  # takes a second, and few compile

    compilers = [each for each in config.cpp.cxx if each]
    if any(map(shutil.which, compilers)):
        return None
    return f"a C++ compiler ({' or '.join(compilers)}; the variable CXX names another)"
