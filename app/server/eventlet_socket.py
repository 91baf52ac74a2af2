"""Answers under eventlet, at the client's pace and with a turn for everybody."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import eventlet

from app.server.patience import Pace

PIECE_BYTES = 64 * 1024
TURN_BYTES = 256 * 1024
"""So much is sent before others have their turn."""


class PacedSocket:
    """A connection on which an answer is sent, as long as the client takes it fast enough."""

    def __init__(self, sock: Any, reading: Callable[[], AbstractContextManager[None]]) -> None:
        """`reading` is a context that lasts while the client has to read something."""
        self._sock = sock
        self._reading = reading
        self._pace = Pace()
        self._num_sent = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def sendall(self, data: bytes) -> None:
        """Send all of it. Raises OSError, TimeoutError among them when the client is too slow."""
        rest = memoryview(data)
        while rest:
            self._sock.settimeout(self._pace.left_s())
            began = time.monotonic()
            with self._reading():
                num_sent = self._sock.send(rest[:PIECE_BYTES])
            self._pace.moved(num_sent, began)
            self._num_sent += num_sent
            if self._num_sent >= TURN_BYTES:  # A client that takes everything at once would be the only one served.
                self._num_sent = 0
                eventlet.sleep(0)
            rest = rest[num_sent:]
