"""`training serve`: the service itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from app.installation import share_dir

EXPERIMENTS = Path("configs", "experiment")


@click.command()
@click.option("--host", help="Address to listen on, as TRAINING_HOST.")
@click.option("--port", help="Port to listen on, as TRAINING_PORT.")
def serve(host: str | None, port: str | None) -> None:
    """Serve the current folder until Ctrl-C: its experiments, data and runs.

    The settings come from the environment: see docs/settings.md. TRAINING_HOME names another folder.
    """
    for variable, value in (("TRAINING_HOST", host), ("TRAINING_PORT", port)):
        if value is not None:
            os.environ[variable] = value
    if not os.environ.get("TRAINING_HOME"):
        _refuse_other_folders()
        os.environ["TRAINING_HOME"] = os.getcwd()
    # In a new process, because eventlet must patch the standard library before anything else is imported.
    os.execv(sys.executable, [sys.executable, str(share_dir() / "wsgi.py")])


def _refuse_other_folders() -> None:
    """Raise ClickException in a folder without experiments, before the service creates folders for runs there."""
    if not (os.environ.get("TRAINING_CONFIGS_DIR") or EXPERIMENTS.is_dir()):
        raise click.ClickException(f"There is no {EXPERIMENTS} here. To make a folder to serve: training init FOLDER")
