"""Groups of commands."""

from __future__ import annotations

from typing import Any

import click

from app.cli import exits


class EndsByCtrlC(click.Group):
    """A group whose commands end by Ctrl-C with its exit code. click's own is 1, as after an error."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise SystemExit(exits.CTRL_C) from error


class ListByDefault(click.Group):
    """A group that runs `list` if no command is named, so that `training queue --json` lists too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)
