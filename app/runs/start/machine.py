"""Find what this machine lacks for an experiment, without torch."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

from trainer.experiment import accelerators
from trainer.experiment.accelerators import Machine
from trainer.experiment.experiment import Experiment

PACKAGES = ("torch", "lightning", "torchmetrics", "transformers", "kornia", "PIL", "onnx", "onnxscript", "onnxruntime")
"""The packages that our trainer always imports."""

LOGGER_PACKAGES = {"tensorboard": "tensorboard", "mlflow": "mlflow"}


def problems(experiment: Experiment, machine: Machine | None) -> dict[str, list[str]]:
    """Return errors by parameter, with "" for the experiment as a whole. `machine` None: nobody knows the accelerators.

    Only the training itself finds out whether the network can be built and exported, and whether torch can use the GPU.
    """
    found: dict[str, list[str]] = {}
    for path, problem in _problems(experiment, machine):
        found.setdefault(path, []).append(problem)
    return found


def _problems(experiment: Experiment, machine: Machine | None) -> Iterator[tuple[str, str]]:
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        yield "", f"trainings need packages that are not installed on this machine: {', '.join(missing)}"
    for logger, package in LOGGER_PACKAGES.items():
        if logger in experiment.loggers and importlib.util.find_spec(package) is None:
            yield "loggers", f"{logger} needs the package {package}, which is not installed on this machine"
    if machine is not None:
        for name, problem in accelerators.problems(experiment.trainer, machine):
            yield f"trainer.{name}", problem
