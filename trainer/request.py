"""What one training is asked to do."""

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
    """Where everything is written."""
    experiment: Experiment
    config_name: str
    model_name: str
    splits: dict[str, Split]
    """The images of train, val and, where there are any, test."""
    value_range: ValueRange | None
    """Of images with more than 8 bits per channel; None: there are no such images."""
    resume_from: RunDir | None
    """An earlier run, whose training goes on in `run`."""
    cache_dir: Path
    """Where decoded images are kept for all trainings."""
    show_bar: bool
    """Whether somebody watches in a terminal."""
    rank: Rank = SINGLE_PROCESS

    @property
    def tested_split(self) -> str:
        """The split that the report is on: test, or val where nothing is left to test on."""
        return tested_split(self.splits)

    @property
    def dataset_name(self) -> str:
        """The folder that holds the train folder names the dataset."""
        return self.splits["train"].path.resolve().parent.name
