"""`training notify`: the addresses of TRAINING_NOTIFY."""

from __future__ import annotations

import os

import click

from app.cli.output import Output


@click.command()
@click.option("--test", is_flag=True, help="Send a test message to each address.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def notify(test: bool, as_json: bool) -> None:
    """List the addresses of TRAINING_NOTIFY without their secrets, or send each a test message.

    With --test the exit code is 1 if an address did not accept the message.
    """
    # Not at the top: other commands need no part of the service.
    from app.runs.notify.addresses import AddressInvalid, name_addresses
    from app.runs.notify.sending import send_test
    from app.settings import Settings, SettingsError

    try:
        addresses = name_addresses(Settings.from_environment(os.environ).notify)
    except (AddressInvalid, SettingsError) as error:
        raise click.ClickException(str(error)) from error
    if not addresses:
        raise click.ClickException(
            "TRAINING_NOTIFY is not set. Set it to addresses such as mailto://user:password@host"
        )
    problems = send_test(addresses) if test else dict.fromkeys(addresses)
    rows = [{"address": name, "sent": test and not problem, "problem": problem} for name, problem in problems.items()]
    lines = (
        name + (f": not sent: {problem}" if problem else ": sent" if test else "") for name, problem in problems.items()
    )
    Output(as_json).answer({"addresses": rows}, "\n".join(lines))
    if any(problems.values()):
        raise SystemExit(1)
