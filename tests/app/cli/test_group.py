"""Groups of commands."""

from __future__ import annotations

import click
from click.testing import CliRunner

from app.cli.commands.group import EndsByCtrlC


def test_ctrl_c_in_any_command_has_its_exit_code() -> None:
    @click.command()
    def interrupted() -> None:
        raise KeyboardInterrupt

    group = EndsByCtrlC(commands=[interrupted])
    result = CliRunner().invoke(group, ["interrupted"])
    assert (result.exit_code, result.output) == (130, "")
