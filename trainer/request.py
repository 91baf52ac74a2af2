"""The input of a training, once its images are known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainer.dataset.valuerange import ValueRange
from trainer.experiment.experiment import Experiment
from trainer.preparation.images import Split, tested_split
from trainer.rundir import RunDir


@dataclass(frozen=True)
class Rank:
    """This process among the `world_size` that train together. Rank 0, the leader, alone tests, exports and writes."""

    index: int = 0
    world_size: int = 1

    @property
    def is_leader(self) -> bool:
        return self.index == 0


SINGLE_PROCESS = Rank()


@dataclass(frozen=True)
class Request:
    run: RunDir
    """The directory for all output."""
    experiment: Experiment
    config_name: str
    model_name: str
    dataset_name: str
    splits: dict[str, Split]
    """The images of train, val and, if there are any, test."""
    value_range: ValueRange | None
    """For images with more than 8 bits per channel. None if there are no such images."""
    resume_from: RunDir | None
    """The earlier run that this one resumes."""
    cache_dir: Path
    """The folder of decoded images, which all trainings share."""
    show_bar: bool
    """Whether to show a progress bar, because the output is a terminal."""
    rank: Rank = SINGLE_PROCESS

    @property
    def tested_split(self) -> str:
        """The split that the report is about: test, or val if there are no test images."""
        return tested_split(self.splits)
