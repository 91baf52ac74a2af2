"""Find what this machine lacks for an experiment, without torch."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator

import pynvml

from app.runs.executors.local import launcher
from trainer.experiment import accelerators
from trainer.experiment.accelerators import Machine
from trainer.experiment.experiment import Experiment

PACKAGES = ("torch", "lightning", "torchmetrics", "transformers", "kornia", "PIL", "onnx", "onnxscript", "onnxruntime")
"""The packages that our trainer always imports."""

LOGGER_PACKAGES = {"tensorboard": "tensorboard", "mlflow": "mlflow"}

AMPERE = 8
"""The first major compute capability that supports bf16."""


def problems(experiment: Experiment) -> dict[str, list[str]]:
    """Return errors by parameter, with "" for the experiment as a whole.

    Only the training itself finds out whether the network can be built and exported, and whether torch can use the GPU.
    """
    found: dict[str, list[str]] = {}
    for path, problem in _problems(experiment):
        found.setdefault(path, []).append(problem)
    return found


def _problems(experiment: Experiment) -> Iterator[tuple[str, str]]:
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        yield "", f"trainings need packages that are not installed on this machine: {', '.join(missing)}"
    for logger, package in LOGGER_PACKAGES.items():
        if logger in experiment.loggers and importlib.util.find_spec(package) is None:
            yield "loggers", f"{logger} needs the package {package}, which is not installed on this machine"
    machine = accelerators_here()
    if machine is not None:
        for name, problem in accelerators.problems(experiment.trainer, machine):
            yield f"trainer.{name}", problem


def accelerators_here() -> Machine | None:
    """Find the NVIDIA GPUs that a training would see. None if NVML cannot know (Apple, ROCm, GPUs named by UUID)."""
    visible = launcher.environment().get("CUDA_VISIBLE_DEVICES")
    if sys.platform == "darwin" or os.path.exists("/dev/kfd") or not (visible is None or _is_list(visible)):
        return None
    try:
        pynvml.nvmlInit()
        indices = list(range(pynvml.nvmlDeviceGetCount()))
        if visible is not None:
            indices = [index for part in visible.split(",") if (index := int(part or -1)) in indices]
        return Machine(tuple(map(_has_bf16, indices)))
    except pynvml.NVMLError:
        return Machine()


def _is_list(visible: str) -> bool:
    return all(part.strip().removeprefix("-").isdecimal() for part in visible.split(",") if part)


def _has_bf16(index: int) -> bool:
    major, _ = pynvml.nvmlDeviceGetCudaComputeCapability(pynvml.nvmlDeviceGetHandleByIndex(index))
    return bool(major >= AMPERE)
