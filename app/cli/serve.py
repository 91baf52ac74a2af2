"""`training serve`: the service itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

WSGI = Path(__file__).resolve().parents[2] / "wsgi.py"


@click.command()
@click.option("--host", help="Address to listen on, as TRAINING_HOST.")
@click.option("--port", help="Port to listen on, as TRAINING_PORT.")
def serve(host: str | None, port: str | None) -> None:
    """Serve the page and the API until Ctrl-C, as `python wsgi.py` does.

    The settings come from the environment: see docs/settings.md.
    """
    for variable, value in (("TRAINING_HOST", host), ("TRAINING_PORT", port)):
        if value is not None:
            os.environ[variable] = value
    # A new program: eventlet has to patch the standard library before anything else is imported.
    os.execv(sys.executable, [sys.executable, str(WSGI)])
