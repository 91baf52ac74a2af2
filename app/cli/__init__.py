"""The command line `training`, and the Python client that it uses: `app.cli.client.Client`."""

from __future__ import annotations

import click

from app.cli.init import init
from app.cli.prune import prune
from app.cli.serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="training-service", prog_name="training")
def main() -> None:
    """Start, follow and stop deep-learning trainings."""


main.add_command(serve)
main.add_command(init)
main.add_command(prune)
