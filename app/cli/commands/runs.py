"""`training runs`."""

from __future__ import annotations

from typing import Any

import click

from app.cli.client import Client
from app.cli.connected import connected
from app.cli.output import Output, duration

HEADER = ("RUN", "STATE", "EXPERIMENT", "MODEL", "DATASET", "DURATION")


@click.command()
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="Number of runs.")
@click.option("--state", help="Only runs in this state.")
@click.option(
    "--search", metavar="TEXT", help="Only runs whose id, title, tags, experiment, model name or dataset contain TEXT."
)
@click.option("--sort", metavar="FIELD", help="A field of the list or a metric. Prefix it with - for descending order.")
@connected
def runs(client: Client, output: Output, limit: int, state: str | None, search: str | None, sort: str | None) -> None:
    """List the runs, the newest first."""
    found = client.runs(limit, status=state, search=search, sort=sort, best=output.is_json)
    output.answer_in_table(found, HEADER, map(_row, found), "No matching runs." if state or search else "No runs yet.")


def _row(run: dict[str, Any]) -> tuple[object, ...]:
    names = (run[name] for name in ("run_id", "status", "config_name", "model_name", "dataset"))
    return (*names, duration(run["duration_s"]))
