"""run.json: what a run was asked to do, and the program that does it. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer.rundir import RunDir, read_json, utc_now, write_json


class ManifestInvalid(ValueError):
    """The run directory has no run.json with a complete request."""


@dataclass(frozen=True)
class RunRequest:
    """A request for a run with every default filled in, as run.json holds it."""

    config_name: str | None
    train_data_dir: str | None
    """Absolute, like the other two; None means that the run does not use such a folder."""
    val_data_dir: str | None
    test_data_dir: str | None
    dataset: str | None
    model_name: str
    overrides: dict[str, Any]
    """Already applied to config.yaml."""
    resume_from: str | None
    """The id of a run in the same folder, or an absolute path."""
    gpus: int | None = None
    """The number of GPUs that the request asks for. None: the experiment says."""

    @property
    def dataset_name(self) -> str | None:
        return dataset_name(self.dataset, (self.train_data_dir, self.val_data_dir, self.test_data_dir))


def dataset_name(dataset: str | None, folders: Iterable[str | None]) -> str | None:
    """Return the dataset's name, or else the name of the folder around the first image folder. None without either.

    Links stay as they are: a dataset has the name by which people chose it.
    """
    folder = next(filter(None, folders), None)
    return dataset or (Path(os.path.normpath(folder)).parent.name or None if folder else None)


def read_request(run: RunDir) -> RunRequest:
    """Read the request in run.json. Raises ManifestInvalid."""
    content = read_json(run.run)
    if content is None:
        raise ManifestInvalid(f"{run.run} is missing or is not a JSON object")
    try:
        return RunRequest(**content["request"])
    except (KeyError, TypeError) as error:
        raise ManifestInvalid(f"{run.run} contains no complete request: {error}") from error


def is_of_our_trainer(manifest: Mapping[str, Any] | None) -> bool:
    """Whether our own training program runs, as the content of run.json says, and not that of a `command`."""
    return program_is_ours((manifest or {}).get("program"))


def program_is_ours(program: object) -> bool:
    """Whether this description of a program in run.json is that of our own training program."""
    return isinstance(program, dict) and program.get("needs_result") is True


def write_manifest(
    directory: RunDir,
    run_id: str,
    sequence: int,
    request: RunRequest,
    program: dict[str, Any],
    origin: Mapping[str, Any],
    declared: Mapping[str, Any],
) -> None:
    """Write run.json into a directory, which may not have the run's name yet.

    `program` is what app.runs.executors.invocation describes and trainer.runner executes. `origin` is what
    app.runs.start.origin finds out. `declared` is what the experiment of a `command` says about its program:
    `outputs`, for app.runs.store.outputs.
    """
    manifest = {
        "run_id": run_id,
        "created_at": utc_now(),
        "sequence": sequence,
        "request": asdict(request),
        "program": program,
        "origin": origin,
        **declared,
    }
    write_json(directory.run, manifest)
