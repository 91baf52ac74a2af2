"""Complete the names that only the service knows. Fast, and silent when the service does not answer."""

from __future__ import annotations

from collections.abc import Callable

import click
from click.shell_completion import CompletionItem

from app.cli.client import Client
from app.cli.connected import connect
from app.cli.exceptions import ClientError

TIMEOUT_S = 1.0
MAX_RUNS = 50

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _asks(list_items: Callable[[Client], list[CompletionItem]]) -> Complete:
    """Make a completion from a function that lists all items."""

    def complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        given = context.params
        try:
            with connect(given.get("url"), given.get("token"), given.get("token_file"), timeout_s=TIMEOUT_S) as client:
                return [item for item in list_items(client) if item.value.startswith(incomplete)]
        except (ClientError, click.UsageError):
            return []

    return complete


def _describe(run: dict[str, str | None]) -> CompletionItem:
    return CompletionItem(run["run_id"], help=f"{run['status']}, {run['config_name']}")


complete_run = _asks(lambda client: [_describe(run) for run in client.runs(limit=MAX_RUNS)])
complete_queued = _asks(lambda client: [CompletionItem(run["run_id"]) for run in client.queue.list()["runs"]])
complete_config = _asks(lambda client: [CompletionItem(name) for name in client.configs()])
complete_dataset = _asks(lambda client: [CompletionItem(each["dataset_name"]) for each in client.datasets()])
