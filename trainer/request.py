"""What one training is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainer.experiment import Experiment
from trainer.rundir import RunDir


@dataclass(frozen=True)
class Request:
    run: RunDir
    """Where everything is written."""
    experiment: Experiment
    config_name: str
    model_name: str
    folders: dict[str, Path]
    """Where the images of train, val and test are."""
    resume_from: RunDir | None
    """An earlier run, whose training goes on in `run`."""
    show_bar: bool
    """Whether somebody watches in a terminal."""

    @property
    def dataset_name(self) -> str:
        """The folder that holds the train folder names the dataset."""
        return self.folders["train"].resolve().parent.name
