"""The time that a transfer waits for a client."""

from __future__ import annotations

import time

import pytest

from app.server.patience import GRACE_S, MIN_BYTES_PER_S, Pace


def test_a_client_that_transfers_nothing_has_only_the_grace() -> None:
    pace = Pace()
    assert pace.left_s() == GRACE_S
    pace.moved(0, time.monotonic() - GRACE_S + 1)
    assert pace.left_s() == pytest.approx(1, abs=0.1)
    pace.moved(1, time.monotonic() - 2)
    assert pace.left_s() == 0


def test_a_client_that_keeps_the_pace_may_take_as_long_as_it_needs() -> None:
    pace = Pace()
    for _ in range(1000):
        pace.moved(MIN_BYTES_PER_S, time.monotonic() - 1)
    assert pace.left_s() == pytest.approx(GRACE_S, abs=0.5)


def test_a_fast_transfer_earns_no_extra_time() -> None:
    pace = Pace()
    pace.moved(10**9, time.monotonic())
    assert pace.left_s() == GRACE_S


def test_an_occasional_byte_is_too_slow() -> None:
    pace = Pace()
    for _ in range(10):
        pace.moved(1, time.monotonic() - 3)
    assert pace.left_s() == 0
