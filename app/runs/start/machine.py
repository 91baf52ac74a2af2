"""Find what this machine lacks for an experiment, without torch."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

from trainer.experiment import accelerators
from trainer.experiment.accelerators import Machine
from trainer.experiment.experiment import Experiment
from trainer.experiment.pretrained import is_missing_folder

PACKAGES = (
    "torch",
    "lightning",
    "torchmetrics",
    "transformers",
    "kornia",
    "onnx",
    "onnxscript",
    "onnxruntime",
    "matplotlib",
    "tensorboard",
)
"""The packages that our trainer always imports. The extra `trainer` in setup.cfg installs them."""

INSTALL = "Install it: pip install 'training-service[{extra}]'"


def problems(experiment: Experiment, machine: Machine | None) -> dict[str, list[str]]:
    """Return errors by parameter, with "" for the experiment itself. `machine` None: the run will execute elsewhere.

    Only the training itself finds out whether the network can be built and exported, and whether torch can use the GPU.
    """
    found: dict[str, list[str]] = {}
    for path, problem in _problems(experiment, machine):
        found.setdefault(path, []).append(problem)
    return found


def _problems(experiment: Experiment, machine: Machine | None) -> Iterator[tuple[str, str]]:
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        install = INSTALL.format(extra="trainer")
        yield "", f"the training program is not installed on this machine (no {', '.join(missing)}). {install}"
    if "mlflow" in experiment.loggers and importlib.util.find_spec("mlflow") is None:
        yield "loggers", f"mlflow is not installed on this machine. {INSTALL.format(extra='mlflow')}"
    if machine is not None:
        source = experiment.model.pretrained
        if source is not None and is_missing_folder(source):
            yield "model.pretrained", f"folder does not exist: {source}"
        for name, problem in accelerators.problems(experiment.trainer, machine):
            yield f"trainer.{name}", problem
