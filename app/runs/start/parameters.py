"""List the parameters that a start may override."""

from __future__ import annotations

from typing import Any

from app.runs.start.experiments import ExperimentFolder, load_file
from app.runs.start.resume import refuse_foreign
from app.runs.store.store import RunStore
from trainer.experiment.describe import describe_parameters


def list_parameters(
    experiments: ExperimentFolder, store: RunStore, config_name: str | None, run_id: str | None
) -> list[dict[str, Any]]:
    """List the parameters of an experiment, or of a run's own copy of its experiment; without both, of our trainer.

    Raises ExperimentNotFound, RunNotFound, InvalidStart.
    """
    if run_id is not None:
        run = store.find(run_id)
        refuse_foreign(run)
        return describe_parameters(load_file(run.directory.file(run.directory.config)))
    return describe_parameters(None if config_name is None else experiments.load(config_name))
