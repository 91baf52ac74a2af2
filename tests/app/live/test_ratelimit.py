"""The rate at which the service handles a client's messages."""

from __future__ import annotations

import time

from app.live.ratelimit import RateLimit


def test_a_burst_is_handled_at_once_and_then_each_message_waits_longer() -> None:
    limit = RateLimit(burst=10, per_s=100)
    began = time.monotonic()
    delays = [limit.delay_s() for _ in range(30)]
    took_s = time.monotonic() - began
    assert delays[:10] == [0.0] * 10
    assert 0.2 - took_s <= delays[-1] <= 0.2


def test_a_pause_earns_at_most_one_burst() -> None:
    limit = RateLimit(burst=2, per_s=1000)
    for _ in range(20):
        limit.delay_s()
    time.sleep(0.05)  # The test is about time that passes.
    began = time.monotonic()
    delays = [limit.delay_s() for _ in range(40)]
    took_s = time.monotonic() - began
    assert delays[:2] == [0.0, 0.0]
    assert delays[-1] >= 0.038 - took_s
