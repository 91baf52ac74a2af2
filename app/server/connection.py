"""A connection of gunicorn's worker. It needs a thread only for a whole request or a long answer."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from gunicorn.workers.gthread import TConn

from app.server.incoming import NOT_NOW, Requests
from app.server.patience import Pace

MAX_UNSENT_BYTES = 256 * 1024
"""The most bytes of an answer to keep for the client. A thread waits only with longer answers: run files, metrics."""


class Readers:
    """The clients that have to read more of a long answer while a thread waits for them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._channels: dict[Channel, None] = {}
        self._lock = threading.Lock()

    @contextmanager
    def waiting_for(self, channel: Channel) -> Iterator[None]:
        """Add a client. If there are too many, cut off the one that has read nothing for longest."""
        with self._lock:
            if len(self._channels) >= self._limit:
                stalled = next(iter(self._channels))
                del self._channels[stalled]
                with suppress(OSError):
                    stalled.bare.shutdown(socket.SHUT_RDWR)
            self._channels[channel] = None
        try:
            yield
        finally:
            with self._lock:
                self._channels.pop(channel, None)


class Channel:
    """A socket that keeps the bytes that the client does not take at once."""

    def __init__(self, sock: Any, readers: Readers) -> None:
        self.bare = sock
        """The socket itself, for callers with their own rules for waiting."""
        self._readers = readers
        self._unsent = bytearray()
        self._holds_head = False
        self._pace = Pace()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bare, name)

    def begin_answer(self) -> None:
        """Let the next bytes, the head of an answer, wait for those after them or for `flush`.

        A packet of its own for the head would cost as much as the whole answer.
        """
        self._holds_head = True

    def sendall(self, data: bytes) -> None:
        """Send, and keep for `flush` what the client does not take now. Wait while that exceeds MAX_UNSENT_BYTES.

        Raises OSError if the client has gone or reads too slowly.
        """
        self._unsent += data
        if self._holds_head:
            self._holds_head = False
            return
        if self.flush():
            return
        while len(self._unsent) > MAX_UNSENT_BYTES:
            with self._readers.waiting_for(self):
                self._send(self._pace.left_s())

    def flush(self) -> bool:
        """Send what the client takes now, and return whether that was everything. Raises OSError."""
        while self._unsent:
            try:
                self._send(0)
            except BlockingIOError:
                return False
        return True

    def _send(self, timeout_s: float) -> None:
        self.bare.settimeout(timeout_s)
        started_at = time.monotonic()
        try:
            num_sent = self.bare.send(self._unsent)
        except NOT_NOW as error:
            if timeout_s == 0:
                raise BlockingIOError from error
            raise ConnectionAbortedError(errno.ECONNRESET, "the client reads too slowly") from error
        del self._unsent[:num_sent]
        self._pace.moved(num_sent, started_at)


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types.
    """A connection and its requests."""

    def __init__(self, cfg: Any, sock: Any, client: Any, server: Any, readers: Readers) -> None:
        super().__init__(cfg, Channel(sock, readers), client, server)
        self.requests = Requests(cfg, self.sock, client)
        self.share = ""
        """The share of the threads that handles its request."""
        self.num_discarded = 0
