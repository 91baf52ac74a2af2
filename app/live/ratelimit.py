"""The rate at which the service reads from a client."""

from __future__ import annotations

import time


class RateLimit:
    """A rate limit: `burst` items at once, then `per_s` items a second. It says how long the next item has to wait."""

    def __init__(self, burst: int, per_s: float) -> None:
        self._interval_s = 1 / per_s
        self._burst_s = burst / per_s
        self._next_at = 0.0

    def delay_s(self) -> float:
        """Count one more item, and return how many seconds it has to wait."""
        now = time.monotonic()
        self._next_at = max(self._next_at, now - self._burst_s) + self._interval_s
        return max(0.0, self._next_at - now)
