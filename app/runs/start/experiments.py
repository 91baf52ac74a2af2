"""The folder of experiment files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.runs.exceptions import ExperimentNotFound, InvalidStart
from app.runs.names import is_plain_name
from trainer.experiment import experiment
from trainer.experiment.experiment import Experiment, ExperimentInvalid
from trainer.runfile import RunFile

SUFFIXES = (".yaml", ".yml")


class ExperimentFolder:
    """Experiments by file name. Each call looks at the disk, so an edit takes effect at once."""

    def __init__(self, configs_dir: Path) -> None:
        self._dir = configs_dir

    def names(self) -> list[str]:
        """List the experiment files, sorted."""
        try:
            return sorted(path.name for path in self._dir.iterdir() if self._is_experiment(path.name))
        except OSError:
            return []

    def problems(self) -> dict[str, str]:
        """Say what is wrong with each file that is no valid experiment, by its name."""
        found = {}
        for name in self.names():
            try:
                experiment.load(self._dir / name)
            except ExperimentInvalid as error:
                found[name] = str(error)
        return found

    def path(self, name: str) -> Path:
        """Find a file, also without its extension .yaml. Raises ExperimentNotFound."""
        for candidate in (name, f"{name}.yaml"):
            if self._is_experiment(candidate):
                return self._dir / candidate
        raise ExperimentNotFound(name, self.names())

    def _is_experiment(self, name: str) -> bool:
        return is_plain_name(name) and name.endswith(SUFFIXES) and os.path.isfile(self._dir / name)

    def load(self, name: str, overrides: Mapping[str, object] | None = None) -> Experiment:
        """Load an experiment with its overrides. Raises ExperimentNotFound, InvalidStart with errors by key."""
        return load_file(self.path(name), overrides)

    def describe(self, name: str) -> dict[str, Any]:
        """Return an experiment as JSON content with its defaults. Raises ExperimentNotFound, InvalidStart."""
        return experiment.dump(self.load(name))


def load_file(file: Path | RunFile, overrides: Mapping[str, object] | None = None) -> Experiment:
    """Load an experiment file. Raises InvalidStart with errors by key."""
    try:
        return experiment.load(file, overrides)
    except ExperimentInvalid as error:
        raise InvalidStart(f"The experiment {file.name} is invalid: {error}", error.errors) from error
