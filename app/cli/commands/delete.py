"""`training delete` and `training restore`."""

from __future__ import annotations

import click

from app.cli.client import Client
from app.cli.completion import complete_run
from app.cli.connected import connected
from app.cli.output import Output


@click.command()
@click.argument("run", shell_complete=complete_run)
@click.option("--for-good", is_flag=True, help="Free the disk space immediately. This cannot be undone.")
@connected
def delete(client: Client, output: Output, run: str, for_good: bool) -> None:
    """Move RUN to the trash, with its model, metrics, log and checkpoints. The trash keeps it for a day."""
    answer = client.delete(run, trash=not for_good)
    what = f"Run {run} is deleted." if for_good else f"Run {run} is in the trash. Undo: training restore {run}"
    output.answer(answer, what)


@click.command()
@click.argument("run")
@connected
def restore(client: Client, output: Output, run: str) -> None:
    """Restore RUN from the trash."""
    output.answer(client.restore(run), f"Run {run} is restored.")
