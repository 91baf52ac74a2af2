"""`training follow`: watch a run until it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from app.cli import exits
from app.cli.client import Client
from app.cli.completion import complete_run
from app.cli.connected import connected
from app.cli.output import Output
from app.cli.view import show


@click.command()
@click.argument("run", required=False, shell_complete=complete_run)
@connected
def follow(client: Client, output: Output, run: str | None) -> None:
    """Show RUN until it ends: progress, epochs, and how it ended. Exit with its outcome.

    Without RUN: the run that started last, or the first one to start. Ctrl-C ends only this command.
    """
    with explaining_ctrl_c(output, run):
        follow_run(client, output, run)


def follow_run(client: Client, output: Output, run_id: str | None) -> None:
    """Show a run and exit with its outcome."""
    final = show(client.follow(run_id, log_offset=None), output)
    raise SystemExit(exits.OUTCOMES[final.state])


@contextmanager
def explaining_ctrl_c(output: Output, run_id: str | None) -> Iterator[None]:
    """On Ctrl-C, say that no run was stopped, and how to follow the run again and to stop it."""
    try:
        yield
    except KeyboardInterrupt:
        run = f" {run_id}" if run_id else ""
        output.note(f"No run was stopped. To follow it again: training follow{run}. To stop it: training stop{run}")
        raise
