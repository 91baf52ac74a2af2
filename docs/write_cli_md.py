"""Write the generated part of docs/cli.md: `python -m docs.write_cli_md`. A test checks that it is up to date."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from app.cli import main
from app.cli.exits import CODES

TARGET = Path(__file__).with_name("cli.md")
MARKER = "<!-- The rest is generated: python -m docs.write_cli_md -->\n"
OF_EVERY_CALL = ("--url", "--token", "--token-file", "--json")
"""The options that the part written by hand explains."""


def page() -> str:
    """Return the page: what is written by hand, then the exit codes and the commands."""
    by_hand = TARGET.read_text(encoding="utf-8").partition(MARKER)[0]
    codes = "".join(f"| {code} | {meaning} |\n" for code, meaning in CODES.items())
    with click.Context(main, info_name="training") as context:
        commands = "".join(f"\n{section}" for section in _sections(main, context))
    return f"{by_hand}{MARKER}\n## Exit codes\n\n| code | meaning |\n|---|---|\n{codes}\n## Commands\n{commands}"


def _sections(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.commands[name]
        with click.Context(command, info_name=name, parent=context) as inner:
            if isinstance(command, click.Group):
                yield from _sections(command, inner)
            else:
                yield _section(command, inner)


def _section(command: click.Command, context: click.Context) -> str:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    records = [
        record
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Option)
        and not set(parameter.opts) & {*OF_EVERY_CALL, *context.help_option_names}
        if (record := parameter.get_help_record(context)) is not None
    ]
    options = "".join(f"| `{_line(left)}` | {_line(right)} |\n" for left, right in records)
    table = f"\n| option | meaning |\n|---|---|\n{options}" if options else ""
    return f"### {context.command_path}\n\n`{usage}`\n\n{inspect.cleandoc(command.help or '')}\n{table}"


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
