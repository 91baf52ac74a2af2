"""`training logs`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from app.cli.client import Client
from app.cli.commands.latest import latest_run
from app.cli.completion import complete_run
from app.cli.connected import connected
from app.cli.events import LogWritten
from app.cli.output import Output

CHUNK_BYTES = 1024 * 1024
"""The most that the service returns in one answer."""


@click.command()
@click.argument("run", required=False, shell_complete=complete_run)
@click.option("-f", "--follow", "is_followed", is_flag=True, help="Keep printing until the run ends.")
@click.option("-n", "--lines", type=click.IntRange(0), help="Print only the last lines, from the log's last megabyte.")
@connected
def logs(client: Client, output: Output, run: str | None, is_followed: bool, lines: int | None) -> None:
    """Print the log of RUN, or of the run that started last. With --json: chunks with their offsets, one per line."""
    run_id = run or latest_run(client)
    offset = 0 if lines is None else _offset_of_last(client, run_id, lines)
    for chunk in _follow(client, run_id, offset) if is_followed else _read(client, run_id, offset):
        if output.is_json:
            output.json(
                {"run_id": run_id, "offset": chunk.offset, "next_offset": chunk.next_offset, "text": chunk.text}
            )
        else:
            click.echo(chunk.text, nl=False)


def _read(client: Client, run_id: str, offset: int) -> Iterator[LogWritten]:
    while True:
        answer = client.log(run_id, offset, CHUNK_BYTES)
        yield LogWritten(answer["offset"], answer["next_offset"], answer["text"])
        if answer["next_offset"] in (offset, answer["size"]):
            return
        offset = answer["next_offset"]


def _follow(client: Client, run_id: str, offset: int) -> Iterator[LogWritten]:
    return (event for event in client.follow(run_id, offset) if isinstance(event, LogWritten))


def _offset_of_last(client: Client, run_id: str, lines: int) -> int:
    """Return the offset at which the last lines begin."""
    answer = client.log(run_id, -CHUNK_BYTES, CHUNK_BYTES)
    last = answer["text"].splitlines(keepends=True)[-lines:] if lines else []
    size: int = answer["next_offset"]
    return max(int(answer["offset"]), size - len("".join(last).encode()))
