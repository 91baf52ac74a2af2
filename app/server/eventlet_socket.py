"""Send answers under eventlet at the client's pace, and let other threads run in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import eventlet

from app.server.patience import Pace

CHUNK_BYTES = 64 * 1024
TURN_BYTES = 256 * 1024
"""The bytes to send before other threads run."""


class PacedSocket:
    """A connection that sends an answer as long as the client reads it fast enough."""

    def __init__(self, sock: Any, reading: Callable[[], AbstractContextManager[None]]) -> None:
        """`reading` makes a context that lasts while the client has to read something."""
        self._sock = sock
        self._reading = reading
        self._pace = Pace()
        self._num_sent = 0
        self._head: bytes | None = None
        """The head of the answer while it waits for the body."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def sendall(self, data: bytes) -> None:
        """Send all of `data`. Raises OSError, and TimeoutError when the client is too slow.

        The first call has the head, which waits for the next call or for `finish`. A packet of its own for the head
        would cost as much as the whole answer.
        """
        if self._head is None:
            self._head = data
            return
        self._send(self._head + data)
        self._head = b""

    def finish(self) -> None:
        """Send the head if there was no body. Raises as `sendall`."""
        if self._head:
            self.sendall(b"")

    def _send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            self._sock.settimeout(self._pace.left_s())
            started_at = time.monotonic()
            with self._reading():
                num_sent = self._sock.send(rest[:CHUNK_BYTES])
            self._pace.moved(num_sent, started_at)
            self._num_sent += num_sent
            if self._num_sent >= TURN_BYTES:  # Otherwise a fast client would be the only one served.
                self._num_sent = 0
                eventlet.sleep(0)
            rest = rest[num_sent:]
