"""`training status`."""

from __future__ import annotations

from typing import Any

import click

from app.cli.client import Client
from app.cli.connected import connected
from app.cli.output import Output, duration
from app.cli.progress import ending, progress_text, share_of

HEADER = ("RUN", "EXPERIMENT", "STATE", "PROGRESS", "", "LEFT")


@click.command()
@connected
def status(client: Client, output: Output) -> None:
    """Show what runs now, and how the last run ended."""
    answer = client.status()
    queued = f"{answer['num_queued']} in the queue." if answer["num_queued"] else ""
    output.answer_in_table(answer, HEADER, map(_row, answer["active"]), _last(answer["last_run"]), queued)


def _row(run: dict[str, Any]) -> tuple[object, ...]:
    progress = run["progress"]
    share, scope = share_of(progress)
    percent = "" if share is None else f"{share:.0%}{scope}"
    left = duration((progress or {}).get("eta_s"))
    return run["run_id"], run["config_name"], run["state"], progress_text(run["state"], progress), percent, left


def _last(run: dict[str, Any] | None) -> str:
    if run is None:
        return "No runs yet."
    return f"No run is active. {ending(run['run_id'], run['state'], run['reason'])}"
