"""`training queue`: the queued runs."""

from __future__ import annotations

from typing import Any

import click

from app.cli.client import Client
from app.cli.commands.group import ListByDefault
from app.cli.completion import complete_queued
from app.cli.connected import connected
from app.cli.output import Output

HEADER = ("POSITION", "RUN", "EXPERIMENT", "PRIORITY", "GPUS", "REASON")


@click.group(cls=ListByDefault)
def queue() -> None:
    """Show and change the queue."""


@queue.command("list")
@connected
def list_queue(client: Client, output: Output) -> None:
    """List the queued runs, the next one first."""
    _print(output, client.queue.list())


@queue.command()
@click.argument("run", shell_complete=complete_queued)
@click.argument("position", type=click.IntRange(1))
@connected
def move(client: Client, output: Output, run: str, position: int) -> None:
    """Move RUN to POSITION. 1 starts next."""
    _print(output, client.queue.move(run, position))


@queue.command()
@click.argument("run", shell_complete=complete_queued)
@connected
def cancel(client: Client, output: Output, run: str) -> None:
    """Remove RUN from the queue. A run that has just started continues."""
    answer = client.queue.cancel(run)
    output.answer(answer, f"Run {run} is cancelled.")


@queue.command()
@connected
def pause(client: Client, output: Output) -> None:
    """Start no more queued runs. Active runs continue."""
    _print(output, client.queue.pause())


@queue.command()
@connected
def resume(client: Client, output: Output) -> None:
    """Start queued runs again."""
    _print(output, client.queue.resume())


def _print(output: Output, queued: dict[str, Any]) -> None:
    last_line = "The queue is paused." if queued["paused"] else ""
    output.answer_in_table(queued, HEADER, map(_row, queued["runs"]), "The queue is empty.", last_line)


def _row(run: dict[str, Any]) -> tuple[object, ...]:
    return tuple(run[name] for name in ("position", "run_id", "config_name", "priority", "gpus", "reason"))
