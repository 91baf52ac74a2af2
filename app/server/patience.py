"""The time that the service gives a client to begin a request, to send its head and body, and to read the answer."""

from __future__ import annotations

import time

IDLE_S = 30.0
"""Until the first byte of a request, on a new connection and on one that was kept open."""
HEAD_S = 10.0
"""From the first byte of a request to the end of its head, however many bytes arrive in between."""
LINGER_S = 2.0
"""After the last answer, until the client closes its side."""
GRACE_S = 20.0
MIN_BYTES_PER_S = 8192


class Pace:
    """The time that a transfer may wait for the client: at most GRACE_S, and on average 1 s per MIN_BYTES_PER_S."""

    def __init__(self) -> None:
        self._left_s = GRACE_S

    def moved(self, num_bytes: int, since: float) -> None:
        """Count the bytes that were moved and the wait for them, which began at `since` (`time.monotonic`)."""
        waited_s = time.monotonic() - since
        self._left_s = min(GRACE_S, self._left_s - waited_s + num_bytes / MIN_BYTES_PER_S)

    def left_s(self) -> float:
        """Return the seconds until the client is too slow. 0 if it is too slow already."""
        return max(0.0, self._left_s)
