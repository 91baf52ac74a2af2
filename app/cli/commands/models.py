"""`training models`: list and download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

from app.cli.client import Client
from app.cli.commands.group import ListByDefault
from app.cli.completion import complete_run
from app.cli.connected import connected
from app.cli.output import Output, number

HEADER = ("RUN", "MODEL", "DATASET", "TEST ACC", "FILE")


@click.group(cls=ListByDefault)
def models() -> None:
    """List and download the models."""


@models.command("list")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="Number of models.")
@connected
def list_models(client: Client, output: Output, limit: int) -> None:
    """List the models, those of the newest run first."""
    cards = client.models(limit)
    output.answer_in_table(cards, HEADER, map(_row, cards), "No models yet.")


@models.command()
@click.argument("run", shell_complete=complete_run)
@click.option("-o", "--output", "target", type=click.Path(path_type=Path), default=Path(),
              help="File or folder.  [default: the current folder, under the model's name]")  # fmt: skip
@click.option("--file", help="One of several models of the run, as FILE in the list.")
@click.option("--variant", help="A smaller file of the model, such as fp16 or int8.")
@connected
def download(client: Client, output: Output, run: str, target: Path, file: str | None, variant: str | None) -> None:
    """Download the model of RUN. An existing file is replaced once the download is complete."""
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=output.console, transient=True, disable=not output.is_terminal) as bar:
        task = bar.add_task("", total=None)
        path = client.download(
            run, target, file, variant, lambda done, size: bar.update(task, completed=done, total=size)
        )
    output.answer({"run_id": run, "path": str(path)}, str(path))


def _row(card: dict[str, Any]) -> tuple[object, ...]:
    accuracy = (card.get("test_metrics") or {}).get("test/acc")
    return card["run_id"], card["model_name"], card["dataset_name"], number(accuracy), card.get("file")
