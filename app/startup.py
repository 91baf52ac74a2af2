"""What the service says about its surroundings when it starts, on either server."""

from __future__ import annotations

from collections.abc import Mapping

from app.runs.datasets import DatasetFolder
from app.runs.exceptions import DataFolderUnreadable
from app.runs.experiments import ExperimentFolder
from app.settings import Settings


def remarks(settings: Settings, environment: Mapping[str, str]) -> list[str]:
    """Name what is missing or ignored; the service works without it, but hardly as intended."""
    found = Settings.unknown(environment)
    if not ExperimentFolder(settings.configs_dir).names():
        found.append(f"There are no experiments in {settings.configs_dir}. TRAINING_CONFIGS_DIR names another folder.")
    try:
        if not DatasetFolder(settings.data_dir).names():
            found.append(f"There are no datasets in {settings.data_dir}. TRAINING_DATA_DIR names another folder.")
    except DataFolderUnreadable as error:
        found.append(str(error))
    return found
