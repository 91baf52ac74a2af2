"""Describe the program of a run for run.json."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.installation import CODE_DIR, is_installed
from app.runs.globs import find_newest
from trainer.experiment.command import Command
from trainer.manifest import RunRequest
from trainer.rundir import OUTPUT_DIR_VARIABLE, RunDir


def trainer_program(run: RunDir, grace_s: float) -> dict[str, Any]:
    """Describe for run.json how to start our own trainer, which reads the rest of run.json."""
    return {
        "argv": [sys.executable, "-m", "trainer", f"--run-dir={run.path}"],
        "cwd": os.getcwd(),
        "env": {"PYTHONPATH": search_path()},
        "needs_result": True,
        "stop": {"signal": "SIGTERM", "grace_s": grace_s},
    }


def command_program(filled: Command, run: RunDir, grace_s: float) -> dict[str, Any]:
    """Describe for run.json how to start a command that `fill` has filled.

    `grace_s` is the default for a command that sets no grace period.
    """
    stop = filled.stop
    return {
        "argv": list(filled.argv),
        "cwd": filled.cwd,
        "env": {**filled.env, OUTPUT_DIR_VARIABLE: str(run.output)},
        "needs_result": False,
        "stop": {"signal": stop.signal, "grace_s": grace_s if stop.grace_s is None else stop.grace_s},
    }


def fill(command: Command, home: Path, output_dir: Path, request: RunRequest, resume_dir: Path | None) -> Command:
    """Return the command of a run with `output_dir`: every placeholder replaced, and `cwd` absolute, below `home`.

    `resume_dir` is the output folder of the run that it resumes.
    """
    values = {name: str(value or "") for name, value in vars(request).items()}
    values |= {"output_dir": str(output_dir), "run_dir": str(output_dir)}
    if resume_dir is None:
        filled = command.fill(values)
    else:
        filled = command.fill(values, resume_dir, lambda path: find_newest(resume_dir, path) or resume_dir / path)
    return replace(filled, cwd=str(home / (filled.cwd or "")))


def search_path() -> str:
    """Return the PYTHONPATH of our trainer: the checkout, if there is one, and the service's own path."""
    own = None if is_installed() else str(CODE_DIR)
    return os.pathsep.join(filter(None, [own, os.environ.get("PYTHONPATH")]))
