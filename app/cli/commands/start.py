"""`training start` and `training check`: an experiment, its data, and what differs from the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import click

from app.cli.client import Client
from app.cli.commands.follow import explaining_ctrl_c, follow_run
from app.cli.completion import complete_config, complete_dataset, complete_run
from app.cli.connected import connected
from app.cli.exceptions import ClientError
from app.cli.output import Output

FOLDERS = ("train_data_dir", "val_data_dir", "test_data_dir")


def _override(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> dict[str, Any]:
    """Parse KEY=VALUE. A value that is not JSON is a string."""
    overrides = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise click.BadParameter(f"{text!r} must be KEY=VALUE, such as trainer.max_epochs=3.")
        try:
            overrides[key] = json.loads(value)
        except ValueError:
            overrides[key] = value
    return overrides


OPTIONS = [
    click.argument("config", required=False, shell_complete=complete_config),
    click.option("--dataset", metavar="NAME", shell_complete=complete_dataset, help="Dataset in the data folder."),
    click.option("--train-data-dir", metavar="FOLDER", help="Folder on the server, instead of a dataset."),
    click.option("--val-data-dir", metavar="FOLDER", help="Folder on the server."),
    click.option("--test-data-dir", metavar="FOLDER", help="Folder on the server."),
    click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, callback=_override,
                 help="Set a parameter, such as trainer.max_epochs=3. VALUE is JSON or plain text. Repeatable. Write"
                      " 'name=\"3\"' for the text 3."),
    click.option("--model-name", metavar="NAME", help="Name of the model.  [default: model]"),
    click.option("--resume", "resume_from", metavar="RUN", shell_complete=complete_run, help="Resume an earlier run."),
    click.option("--queue", is_flag=True, help="Wait in the queue if the run cannot start at once."),
    click.option("--gpus", type=int, help="Number of GPUs that the program sees."),
    click.option("--priority", type=int, help="Runs with a higher priority come first in the queue."),
]  # fmt: skip


def _start_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@click.command()
@_start_options
@click.option("-f", "--follow", "is_followed", is_flag=True, help="Follow the run, and exit with its outcome.")
@connected
def start(client: Client, output: Output, /, is_followed: bool, **options: Any) -> None:
    """Start a run of the experiment CONFIG.

    With --resume, everything that you do not give comes from the earlier run.
    """
    answer = client.start(**_request(options))
    with explaining_ctrl_c(output, answer["run_id"]):
        output.answer(answer, _outcome(answer))
        _note_warnings(client, output, answer["run_id"])
        if is_followed:
            follow_run(client, output, answer["run_id"])


@click.command()
@_start_options
@connected
def check(client: Client, output: Output, /, **options: Any) -> None:
    """Check a start of CONFIG without starting anything."""
    answer = client.check(**_request(options))
    obstacles = (f"It cannot begin now: {each['message']}" for each in answer["obstacles"])
    output.answer(answer, "\n".join(["The start is valid.", *obstacles]))


def _note_warnings(client: Client, output: Output, run_id: str) -> None:
    with suppress(ClientError):  # The run has started. A failure would make scripts start it again.
        for finding in (client.run(run_id)["preflight"] or {}).get("warnings", ()):
            output.note(f"Warning about the images: {finding['message']}")


def _outcome(answer: dict[str, Any]) -> str:
    if answer["status"] != "queued":
        return f"Run {answer['run_id']} has started."
    position = f" at position {answer['position']}" if answer["position"] else ""
    return f"Run {answer['run_id']} is queued{position}."


def _request(options: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that were given. Raises UsageError unless they name an experiment or a run."""
    config, resume_from = options.pop("config"), options["resume_from"]
    if config is None and resume_from is None:
        raise click.UsageError("Name an experiment (CONFIG), or a run to resume (--resume RUN).")
    given = {name: value for name, value in options.items() if value not in (None, False, {})}
    if any(name in given for name in FOLDERS):
        given = {**dict.fromkeys(FOLDERS), **given}
    return {"config_name": config, **given}
