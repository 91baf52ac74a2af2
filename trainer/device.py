"""On what to train: the experiment's wish against what this machine has."""

from __future__ import annotations

import torch

from trainer.experiment import ExperimentInvalid
from trainer.sections import Trainer


def choose_device(chosen: Trainer) -> tuple[str, list[int] | int]:
    """Return Lightning's accelerator and devices. Raises ExperimentInvalid where this machine has no such device."""
    has_cuda, has_mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    accelerator = chosen.accelerator
    if accelerator == "auto":
        accelerator = "cuda" if has_cuda else "mps" if has_mps else "cpu"
    if (accelerator == "cuda" and not has_cuda) or (accelerator == "mps" and not has_mps):
        raise ExperimentInvalid(
            {"trainer.accelerator": [f"there is no {accelerator} device here; auto takes what there is"]}
        )
    if accelerator == "cuda" and chosen.devices[0] >= torch.cuda.device_count():
        raise ExperimentInvalid({"trainer.devices": [f"there are {torch.cuda.device_count()} CUDA devices, from [0]"]})
    if accelerator != "cuda" and chosen.devices != (0,):
        raise ExperimentInvalid({"trainer.devices": [f"must be [0] on {accelerator}"]})
    if chosen.precision == "16" and accelerator == "cpu":
        raise ExperimentInvalid({"trainer.precision": ["16 needs a GPU; a CPU can do 32 and bf16"]})
    return accelerator, list(chosen.devices) if accelerator == "cuda" else 1
