"""The initial state and the optimizer of a Classifier outside of a training."""

from __future__ import annotations

from typing import Any

from torch.optim import Optimizer

from trainer.experiment.experiment import Experiment
from trainer.experiment.resumable import LastState
from trainer.fit.module import Classifier


def untrained(experiment: Experiment) -> LastState:
    """Return the initial state that a Classifier requires."""
    return LastState("run", experiment, ("a", "b"), 4, epoch=0, batch=0, step=0)


def optimizer_of(classifier: Classifier) -> Optimizer:
    configured: Any = classifier.configure_optimizers()
    optimizer: Optimizer = configured["optimizer"]
    return optimizer
