"""`training stop`."""

from __future__ import annotations

import click

from app.cli import exits
from app.cli.client import Client
from app.cli.completion import complete_run
from app.cli.connected import connected
from app.cli.exceptions import RequestInterrupted
from app.cli.output import Output


@click.command()
@click.argument("run", required=False, shell_complete=complete_run)
@click.option("--mode", type=click.Choice(["save", "discard"]), default="save", show_default=True,
              help="save: keep the last checkpoint, and export the best model. discard: save nothing.")  # fmt: skip
@click.option("--no-wait", is_flag=True, help="Return immediately instead of waiting until the run has ended.")
@connected
def stop(client: Client, output: Output, run: str | None, mode: str, no_wait: bool) -> None:
    """Stop RUN, or the active run. A queued run leaves the queue."""
    waits_for = None if no_wait else _find_active(client, run)
    if waits_for is not None:
        output.note(f"Waiting until run {waits_for} has ended. Ctrl-C ends only this command.")
    try:
        answer = client.stop(run, mode, wait=not no_wait)
    except RequestInterrupted:
        if waits_for is None:
            raise
        output.note(f"Run {waits_for} is stopping. To see how it ends: training follow {waits_for}")
        raise SystemExit(exits.CTRL_C) from None
    is_idle = answer["status"] == "not_running"
    output.answer(answer, "No run is active." if is_idle else f"Run {answer['run_id']} is {answer['status']}.")


def _find_active(client: Client, run: str | None) -> str | None:
    """Return the active run that a stop of `run`, or of the only one, ends."""
    active = [str(each["run_id"]) for each in client.status()["active"]]
    return run if run in active else active[0] if run is None and len(active) == 1 else None
