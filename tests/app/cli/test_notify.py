"""`training notify`."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result

from app.cli import main
from tests.receiver import receiving


def run(addresses: str, *arguments: str) -> Result:
    return CliRunner(env={"TRAINING_NOTIFY": addresses}).invoke(main, ["notify", *arguments])


def test_each_address_gets_a_test_message() -> None:
    with receiving() as good, receiving() as bad:
        bad.statuses.append(500)
        result = run(f"{good.address} {bad.address}", "--test")
        assert result.exit_code == 1
        first, second = result.output.splitlines()
        assert first == f"{good.address}: sent"
        assert second.startswith(f"{bad.address}: not sent: ")
        assert (good.num_requests, bad.num_requests) == (1, 1)
        assert json.loads(run(good.address, "--test", "--json").output) == {
            "addresses": [{"address": good.address, "sent": True, "problem": None}]
        }


def test_the_addresses_are_listed_without_their_secrets() -> None:
    with receiving() as receiver:
        result = run(receiver.address.replace("//", "//user:secret@"))
        assert (result.exit_code, result.output, receiver.num_requests) == (0, f"{receiver.address}\n", 0)


def test_bad_addresses_are_refused_without_their_secrets() -> None:
    result = run("slack://secret")
    assert result.exit_code == 1
    assert "address 1 (slack://...)" in result.output
    assert "secret" not in result.output
    assert "TRAINING_NOTIFY is not set" in run("").output
