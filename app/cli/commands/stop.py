"""`training stop`."""

from __future__ import annotations

import click

from app.cli.client import Client
from app.cli.completion import complete_run
from app.cli.connected import connected
from app.cli.output import Output


@click.command()
@click.argument("run", required=False, shell_complete=complete_run)
@click.option("--mode", type=click.Choice(["save", "discard"]), default="save", show_default=True,
              help="save: keep the last checkpoint, and export the best model. discard: save nothing.")  # fmt: skip
@click.option("--no-wait", is_flag=True, help="Return immediately instead of waiting until the run has ended.")
@connected
def stop(client: Client, output: Output, run: str | None, mode: str, no_wait: bool) -> None:
    """Stop RUN, or the active run. A queued run leaves the queue."""
    answer = client.stop(run, mode, wait=not no_wait)
    is_idle = answer["status"] == "not_running"
    output.answer(answer, "No run is active." if is_idle else f"Run {answer['run_id']} is {answer['status']}.")
