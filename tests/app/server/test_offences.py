"""Offences: clients that misbehave cannot fill the log."""

from __future__ import annotations

import pytest

from app.server.offences import MAX_ADDRESSES, Offences


def test_the_first_offence_of_an_address_and_each_power_of_ten_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    offences = Offences("Its connection is closed")
    for _ in range(1234):
        offences.add("192.0.2.1", "sent something binary")
    assert [record.getMessage() for record in caplog.records] == [
        "A client at 192.0.2.1 sent something binary. Its connection is closed.",
        *(
            f"{count} offences from 192.0.2.1, the last: it sent something binary. Its connection is closed."
            for count in (10, 100, 1000)
        ),
    ]


def test_many_addresses_share_log_lines(caplog: pytest.LogCaptureFixture) -> None:
    offences = Offences("Its connection is closed")
    for number in range(5000):
        offences.add(f"2001:db8::{number:x}", "sent something binary")
    assert len(caplog.records) < MAX_ADDRESSES + 5
