"""Choose the device of an experiment among those of this machine, and configure torch and Lightning for it."""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel

from trainer.ddp.group import build_strategy
from trainer.experiment import accelerators
from trainer.experiment.accelerators import Machine
from trainer.experiment.experiment import ExperimentInvalid
from trainer.experiment.sections import Trainer
from trainer.network.network import Network
from trainer.request import Rank

PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


@dataclass(frozen=True)
class Device:
    """The accelerator, and the indices of its devices to train on, one process each."""

    accelerator: str
    indices: tuple[int, ...]
    settings: Trainer

    @property
    def is_cuda(self) -> bool:
        return self.accelerator == "cuda"

    def trainer_options(self, rank: Rank) -> dict[str, Any]:
        """Return Lightning's options. A single process uses the first device."""
        return {
            "accelerator": self.accelerator,
            "devices": list(self.indices[: rank.world_size]) if self.is_cuda else rank.world_size,
            "strategy": build_strategy(rank),
            "use_distributed_sampler": False,  # trainer.batches.samplers distribute the images
            # torch supports it only on GPUs.
            "sync_batchnorm": rank.world_size > 1 and self.is_cuda,
            "precision": PRECISIONS[self.settings.precision],
            "deterministic": self.settings.deterministic,
            # Nearly all batches have one shape, so that the search for the fastest algorithm pays off.
            "benchmark": self.is_cuda and not self.settings.deterministic,
        }

    def configure_torch(self, rank: Rank) -> None:
        """Set the number of threads. On CUDA, allow TF32 for matrix products, as torch does for convolutions.

        Not with set_float32_matmul_precision: that allows TF32 on CPUs too, and the network that the export compares
        with the ONNX file runs there.
        """
        threads = self.settings.cpu_threads
        if threads is None and rank.world_size > 1:
            threads = max(1, torch.get_num_threads() // rank.world_size)
        if threads is not None:
            torch.set_num_threads(threads)
            os.environ.setdefault("OMP_NUM_THREADS", str(threads))  # or Lightning would set its own number
        if self.is_cuda:
            torch.backends.cuda.matmul.allow_tf32 = True

    def set_memory_format(self, network: Network) -> None:
        """On CUDA, use channels_last, the layout of NVIDIA's tensor cores. A custom network chooses its own.

        torch.compile chooses the layout itself, and rejects the strides of a gradient if the weights have another.
        """
        if self.is_cuda and not self.settings.compile and isinstance(network.model, PreTrainedModel):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def choose_device(settings: Trainer) -> Device:
    """Raises ExperimentInvalid if this machine has no such device, or the device does not support the settings."""
    machine = _this_machine()
    accelerator = accelerators.accelerator_of(settings, machine)
    for setting, problem in accelerators.problems(settings, machine):
        raise ExperimentInvalid({f"trainer.{setting}": [problem]})
    if settings.compile and (missing := _missing_compiler(accelerator)):
        raise ExperimentInvalid({"trainer.compile": [f"needs {missing}, which is not installed; set it to false"]})
    return Device(accelerator, settings.devices, settings)


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
    """Return what torch.compile needs and this machine lacks, or None."""
    if accelerator == "cuda" and importlib.util.find_spec("triton") is None:
        return "the package triton"
    from torch._inductor import config  # under this name in torch's documentation; takes a second to import

    compilers = [each for each in config.cpp.cxx if each]
    if any(map(shutil.which, compilers)):
        return None
    return f"a C++ compiler ({' or '.join(compilers)}; the variable CXX names another)"
