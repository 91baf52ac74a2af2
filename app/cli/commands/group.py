"""Groups of commands that list by default."""

from __future__ import annotations

import click


class ListByDefault(click.Group):
    """A group that runs `list` if no command is named, so that `training queue --json` lists too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)
