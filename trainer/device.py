"""On what to train: the experiment's wish against what this machine has.

What is done for CUDA here follows the documentation of torch and Lightning; it was not run on a GPU yet.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel

from trainer.distributed import strategy_of
from trainer.experiment import ExperimentInvalid
from trainer.network import Network
from trainer.request import Place
from trainer.sections import Trainer

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
            "use_distributed_sampler": False,  # trainer.data takes each process's share itself
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
    has_cuda, has_mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    accelerator = chosen.accelerator
    if accelerator == "auto":
        accelerator = "cuda" if has_cuda else "mps" if has_mps else "cpu"
    if (accelerator == "cuda" and not has_cuda) or (accelerator == "mps" and not has_mps):
        problem = f"there is no {accelerator} device here; auto takes what there is"
        raise ExperimentInvalid({"trainer.accelerator": [problem]})
    device = Device(accelerator, chosen.devices, chosen)
    for setting, problem in _problems(device):
        raise ExperimentInvalid({f"trainer.{setting}": [problem]})
    return device


def _problems(device: Device) -> Iterator[tuple[str, str]]:
    accelerator, indices, precision = device.accelerator, device.indices, device.chosen.precision
    if device.is_cuda:
        count = torch.cuda.device_count()
        if max(indices) >= count:
            yield "devices", f"must be of the {count} CUDA devices here, which count from 0"
        if precision == "bf16" and not all(_has_bf16(index) for index in indices):
            yield "precision", "bf16 needs a GPU of NVIDIA's Ampere generation or newer; this one can do 32 and 16"
    elif accelerator == "mps":
        if indices != (0,):
            yield "devices", "must be [0] on mps"
        if precision == "bf16" and not torch.backends.mps.is_macos_or_newer(14, 0):
            yield "precision", "bf16 on mps needs macOS 14 or newer"
    elif indices != tuple(range(len(indices))):
        yield "devices", "must count from 0 on the CPU, like [0, 1] for two processes"
    if precision == "16" and not device.is_cuda:
        yield "precision", "16 needs a CUDA GPU; bf16 and 32 do without"
    if device.chosen.compile and (missing := _missing_compiler(accelerator)):
        yield "compile", f"needs {missing}, which is not here; false trains without"


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
