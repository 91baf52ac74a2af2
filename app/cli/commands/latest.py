"""The run that a command without RUN means."""

from __future__ import annotations

import click

from app.cli.client import Client


def latest_run(client: Client) -> str:
    """Return the id of the active run that started last, or of the last run. Raises ClickException without any run."""
    status = client.status()
    run_id: str | None = status["run_id"] or (status["last_run"] or {}).get("run_id")
    if run_id is None:
        raise click.ClickException("No runs yet.")
    return run_id
