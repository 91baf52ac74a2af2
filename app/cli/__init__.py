"""The command line `training`, and the Python client that it uses: `app.cli.client.Client`.

A command that needs the service is wrapped by `connected`, which makes the client, prints errors, and decides the exit
code.
"""

from __future__ import annotations

import click

from app.cli import exits
from app.cli.commands.delete import delete, restore
from app.cli.commands.follow import follow
from app.cli.commands.group import EndsByCtrlC
from app.cli.commands.init import init
from app.cli.commands.logs import logs
from app.cli.commands.metrics import metrics
from app.cli.commands.models import models
from app.cli.commands.notify import notify
from app.cli.commands.predict import predict
from app.cli.commands.prune import prune
from app.cli.commands.queue import queue
from app.cli.commands.runs import runs
from app.cli.commands.serve import serve
from app.cli.commands.start import check, start
from app.cli.commands.status import status
from app.cli.commands.stop import stop

COMMANDS = (
    serve,
    init,
    start,
    check,
    follow,
    stop,
    status,
    logs,
    metrics,
    runs,
    models,
    predict,
    queue,
    delete,
    restore,
    prune,
    notify,
)


@click.group(cls=EndsByCtrlC, context_settings={"help_option_names": ["-h", "--help"]}, epilog=exits.EPILOG)
@click.version_option(package_name="training-service", prog_name="training")
def main() -> None:
    """Start, follow and stop deep-learning trainings."""


for command in COMMANDS:
    main.add_command(command)
