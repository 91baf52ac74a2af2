"""Receive requests under limits, before a thread parses or handles them.

gunicorn's parser reads from the socket whenever it lacks bytes, so a slow client could hold the thread that parses. So
both servers receive the head and a short body first, and parse them afterwards.
"""

from __future__ import annotations

import ssl
import time
from typing import Any

from gunicorn import http
from gunicorn.http.body import LengthReader
from gunicorn.http.errors import LimitRequestHeaders

from app.server.patience import GRACE_S, HEAD_S, IDLE_S, Pace
from app.server.wire import TooSlow

MAX_HEAD_BYTES = 32 * 1024
"""The limit on a request line and its headers. An unknown client cannot make the service keep more than this."""
MAX_AWAITED_BYTES = 64 * 1024
"""The longest body to receive before calling the app. The app itself reads a longer or chunked body if it wants it."""
READ_BYTES = 8192
NOT_NOW = (BlockingIOError, TimeoutError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""The exceptions of a socket operation that cannot finish within the timeout."""

ALLOWED_S = {"first request": IDLE_S, "next request": IDLE_S, "head": HEAD_S, "body": GRACE_S}
"""How long a connection may wait for each thing that its client has to send."""


class Source:
    """The source that the parser reads from. The parser calls only `recv`.

    While the parser reads a head, `recv` returns what was received, and refuses the request if that is not enough.
    While the parser reads a body, `recv` waits as long as the client keeps pace.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._bytes = bytearray()
        self._pace: Pace | None = None
        """The pace of the body, or None while the parser reads a head."""
        self._may_wait = False
        self._is_long = False
        self.is_ended = False
        """Whether the client has closed its side."""

    def __len__(self) -> int:
        """Return the number of bytes that were received and not read yet."""
        return len(self._bytes)

    @property
    def has_head(self) -> bool:
        """Whether the parser can decide: the head is complete or cannot become valid, or no more bytes will arrive."""
        head = self._bytes
        has_bare_line_feed = head.count(b"\n") != head.count(b"\r\n")
        return self.is_ended or self._is_long or b"\r\n\r\n" in head or has_bare_line_feed

    def receive(self) -> None:
        """Receive bytes within the socket's timeout. Raises OSError, or one of NOT_NOW if nothing arrives."""
        received = self._sock.recv(READ_BYTES)
        self.is_ended = not received
        self._bytes += received
        self._is_long = len(self._bytes) > MAX_HEAD_BYTES

    def begin_head(self, read_ahead: bytes) -> None:
        """Begin the next request with the bytes that the parser has read beyond the last one."""
        self._bytes[:0] = read_ahead
        self._is_long = len(self._bytes) > MAX_HEAD_BYTES
        self._pace = None

    def begin_body(self) -> None:
        self._pace, self._may_wait = Pace(), True

    def wait_no_more(self) -> None:
        """Stop waiting for the rest of the body, because the answer is on its way. Bytes that arrived can be read."""
        self._may_wait = False

    def recv(self, size: int) -> bytes:
        """Return at least one byte, or none at the end. Raises ParseException (such as TooSlow) and OSError."""
        if self._bytes:
            data = bytes(self._bytes[:size])
            del self._bytes[:size]
            return data
        if self.is_ended:
            return b""
        if self._pace is None:
            raise LimitRequestHeaders("too long in all")  # The parser itself refuses all other incomplete heads.
        self._sock.settimeout(self._pace.left_s() if self._may_wait else 0)
        started_at = time.monotonic()
        try:
            data = self._sock.recv(size)
        except NOT_NOW as error:
            raise TooSlow("body") from error
        self._pace.moved(len(data), started_at)
        return bytes(data)


class Requests:
    """The requests of a connection, one after the other."""

    def __init__(self, config: Any, sock: Any, client: Any) -> None:
        self._source = Source(sock)
        self._parser = http.get_parser(config, self._source, client)
        self.request: Any = None
        """The request that is being received or served."""

    @property
    def waits_for(self) -> str:
        """What the client has to send, a key of ALLOWED_S."""
        if self.request is not None:
            return "body"
        if len(self._source):
            return "head"
        return "next request" if self._parser.req_count else "first request"

    def receive(self) -> bool:
        """Receive the next bytes unless the request is complete. Return whether there is a request for the app.

        Raises one of NOT_NOW if nothing arrives within the socket's timeout, ParseException, StopIteration if the
        client closes its side before a request, and OSError.
        """
        if self.request is None and self._source.has_head:
            self.request = next(self._parser)
            self._source.begin_body()
        if self.request is not None and not self._awaits_body:
            return True
        self._source.receive()
        return False

    @property
    def has_body(self) -> bool:
        """Whether the whole body has arrived, so that no thread has to wait for it."""
        num_received = len(self._parser.unreader.buf.getvalue()) + len(self._source)
        return self._source.is_ended or (self._length is not None and self._length <= num_received)

    @property
    def is_upgrade(self) -> bool:
        """Whether the request asks to become a WebSocket."""
        return self.request is not None and self._has_header("UPGRADE")

    def finish(self) -> bool:
        """End the answered request, and return whether the next one may begin.

        This skips the rest of the body if it has arrived and is short.
        """
        self._source.wait_no_more()
        try:
            is_read = self._parser.finish_body(max_bytes=MAX_AWAITED_BYTES)
        except http.errors.ParseException:
            return False
        self.request = None
        self._source.begin_head(self._parser.unreader.take_buffered())
        return bool(is_read)

    @property
    def _awaits_body(self) -> bool:
        is_short = self._length is not None and self._length <= MAX_AWAITED_BYTES
        return is_short and not self.has_body and not self._has_header("EXPECT")

    @property
    def _length(self) -> int | None:
        """The length of the rest of the request's body, or None if it comes in chunks."""
        reader = self.request.body.reader
        return reader.length if isinstance(reader, LengthReader) else None

    def _has_header(self, name: str) -> bool:
        return any(name == each for each, _ in self.request.headers)
