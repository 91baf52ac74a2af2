"""How fast a client is listened to."""

from __future__ import annotations

import time


class Pace:
    """Let through `burst` at once and then `per_s` a second: say how long the next one has to wait."""

    def __init__(self, burst: int, per_s: float) -> None:
        self._interval_s = 1 / per_s
        self._burst_s = burst / per_s
        self._next_at = 0.0

    def delay_s(self) -> float:
        """Count one more, and return for how many seconds to put it off."""
        now = time.monotonic()
        self._next_at = max(self._next_at, now - self._burst_s) + self._interval_s
        return max(0.0, self._next_at - now)
