"""What the service needs, refuses and says when it starts, on either server."""

from __future__ import annotations

import os
from collections.abc import Mapping

from app.runs.exceptions import DataFolderUnreadable
from app.runs.executors.local import lock, processes
from app.runs.start.datasets import DatasetFolder
from app.runs.start.experiments import ExperimentFolder
from app.settings import Settings, SettingsError


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings, and make sure that runs can be kept as they say. Raises SettingsError."""
    settings = Settings.from_environment(environment)
    problem = _problem_with(settings)
    if problem is not None:
        raise SettingsError(f"TRAINING_RUNS_DIR={str(settings.runs_dir)!r} cannot be used: {problem}.")
    return settings


def _problem_with(settings: Settings) -> str | None:
    folder = settings.runs_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return error.strerror or str(error)
    if not os.access(folder.parent, os.W_OK | os.X_OK):
        return "its parent cannot be written to"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return "it cannot be read and written to"
    return lock.problem_with(folder.parent)


def remarks(settings: Settings, environment: Mapping[str, str]) -> list[str]:
    """Name what is missing or ignored; the service works without it, but hardly as intended."""
    found = Settings.unknown(environment)
    if not processes.can_search():
        found.append("There is no /proc: load is not measured, and what a killed run leaves behind may not be found.")
    if not ExperimentFolder(settings.configs_dir).names():
        found.append(f"There are no experiments in {settings.configs_dir}. TRAINING_CONFIGS_DIR names another folder.")
    try:
        if not DatasetFolder(settings.data_dir).names():
            found.append(f"There are no datasets in {settings.data_dir}. TRAINING_DATA_DIR names another folder.")
    except DataFolderUnreadable as error:
        found.append(str(error))
    return found
