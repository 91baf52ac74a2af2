"""Check the settings and folders before either server starts."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping

from app.installation import CODE_DIR
from app.runs import child
from app.runs.exceptions import DataFolderUnreadable
from app.runs.executors.local.gpus import GpuNotFound, find_gpus
from app.runs.executors.local.slots import SLOTS, Slots
from app.runs.executors.slurm import startup as slurm
from app.runs.executors.slurm.commands import Commands, SlurmError
from app.runs.filelock import SUPERVISOR, problem_with
from app.runs.notify.addresses import AddressInvalid, name_addresses
from app.runs.start.datasets import DatasetFolder
from app.runs.start.experiments import ExperimentFolder
from app.runs.store.store import IDS_LOCK
from app.settings import Settings, SettingsError
from trainer.runner import process


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings, and check that the runs folder and the GPUs can be used. Raises SettingsError."""
    settings = Settings.from_environment(environment)
    problem = _problem_with(settings)
    if problem is not None:
        raise SettingsError(f"TRAINING_RUNS_DIR={str(settings.runs_dir)!r} cannot be used: {problem}.")
    try:
        find_gpus(settings.gpus, None)
    except GpuNotFound as error:
        raise SettingsError(f"TRAINING_GPUS {error}.") from error
    try:
        name_addresses(settings.notify)
    except AddressInvalid as error:
        raise SettingsError(f"TRAINING_NOTIFY: {error}.") from error
    if settings.executor == "slurm":
        _refuse_unusable_slurm(settings)
    return settings


def _refuse_unusable_slurm(settings: Settings) -> None:
    """Raise SettingsError if jobs cannot be submitted. A controller that is away may come back."""
    if missing := slurm.missing_commands():
        raise SettingsError(
            f"TRAINING_EXECUTOR='slurm' needs SLURM's commands, but there is no {', '.join(missing)} in the PATH. Run "
            "the service on a machine from which jobs can be submitted."
        )
    try:
        slurm.check(Commands(child.environment()), settings.slurm_options, CODE_DIR)
    except SlurmError as error:
        options = f"TRAINING_SLURM_OPTIONS={shlex.join(settings.slurm_options)!r}"
        raise SettingsError(f"SLURM accepts no jobs with {options}: {error}.") from error


def _problem_with(settings: Settings) -> str | None:
    folder = settings.runs_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return error.strerror or str(error)
    if not os.access(folder.parent, os.W_OK | os.X_OK):
        return "the service has no permission to write to its parent folder"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return "the service has no permission to read and write in it"
    locks = [
        folder.parent / SUPERVISOR,
        folder.parent / IDS_LOCK,
        *Slots(folder.parent / SLOTS, settings.max_active or 1).lock_files,
    ]
    return problem_with(locks)


def remarks(settings: Settings, environment: Mapping[str, str]) -> list[str]:
    """Return warnings about what is missing or ignored. The service still starts."""
    found = Settings.unknown(environment)
    if not process.can_search():
        found.append(
            "There is no /proc. Usage is not measured, and processes that a killed run leaves behind may not be found."
        )
    if not ExperimentFolder(settings.configs_dir).names():
        found.append(f"{settings.configs_dir} contains no experiments. Set TRAINING_CONFIGS_DIR to use another folder.")
    try:
        if not DatasetFolder(settings.data_dir).names():
            found.append(f"{settings.data_dir} contains no datasets. Set TRAINING_DATA_DIR to use another folder.")
    except DataFolderUnreadable as error:
        found.append(str(error))
    return found
