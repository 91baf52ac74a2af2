"""How long the service waits for a client: to begin a request, to send its head and body, and to read the answer."""

from __future__ import annotations

import time

IDLE_S = 30.0
"""For the first byte of a request, on a new connection and on one that was kept open."""
HEAD_S = 10.0
"""From the first byte of a request to the end of its head, however many bytes come in between."""
LINGER_S = 2.0
"""After the last answer, until the client closes its side."""
GRACE_S = 20.0
MIN_BYTES_PER_S = 8192


class Pace:
    """How long a transfer may wait for the client: GRACE_S at most, and on average a second per MIN_BYTES_PER_S."""

    def __init__(self) -> None:
        self._left_s = GRACE_S

    def moved(self, num_bytes: int, since: float) -> None:
        """Count what was moved, and the time since a value of `time.monotonic`, in which we waited for it."""
        waited_s = time.monotonic() - since
        self._left_s = min(GRACE_S, self._left_s - waited_s + num_bytes / MIN_BYTES_PER_S)

    def left_s(self) -> float:
        """Seconds until the client is too slow; 0 when it is."""
        return max(0.0, self._left_s)
