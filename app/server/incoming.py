"""What a client sends on a connection, received under limits before anybody is busy with it.

gunicorn's parser reads from the socket whenever it lacks bytes, and so a client could hold whoever parses. Here a head,
and a body that is not long, are received first and parsed then. Both servers receive requests this way.
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
"""Of a request line and its headers. A client that is not known yet can make us keep no more than this."""
MAX_AWAITED_BYTES = 64 * 1024
"""Of a body that is received before the app is called. The app reads a longer one, or one in chunks, if it wants it."""
READ_BYTES = 8192
NOT_NOW = (BlockingIOError, TimeoutError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""What a socket raises that cannot go on within its timeout."""

ALLOWED_S = {"first request": IDLE_S, "next request": IDLE_S, "head": HEAD_S, "body": GRACE_S}
"""How long a connection may wait for its client, by what it waits for."""


class Source:
    """Where a parser reads; it needs `recv` alone.

    While it reads a head, `recv` returns what was received, and refuses the request where that is too little. While it
    reads a body, `recv` waits as long as the client keeps pace.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._bytes = bytearray()
        self._pace: Pace | None = None
        """Of the body; None while a head is read."""
        self._may_wait = False
        self._is_long = False
        self.is_ended = False
        """Whether the client has said that nothing more will come."""

    def __len__(self) -> int:
        """Bytes received and not read yet."""
        return len(self._bytes)

    @property
    def has_head(self) -> bool:
        """Whether the parser can decide: the head is whole, or cannot become valid, or no more will come."""
        head = self._bytes
        has_bare_line_feed = head.count(b"\n") != head.count(b"\r\n")
        return self.is_ended or self._is_long or b"\r\n\r\n" in head or has_bare_line_feed

    def receive(self) -> None:
        """Take in what has come, by the socket's own timeout. Raises OSError, one of NOT_NOW where nothing has."""
        received = self._sock.recv(READ_BYTES)
        self.is_ended = not received
        self._bytes += received
        self._is_long = len(self._bytes) > MAX_HEAD_BYTES

    def begin_head(self, read_ahead: bytes) -> None:
        """The next request begins, with what the parser has read beyond the last one."""
        self._bytes[:0] = read_ahead
        self._is_long = len(self._bytes) > MAX_HEAD_BYTES
        self._pace = None

    def begin_body(self) -> None:
        self._pace, self._may_wait = Pace(), True

    def wait_no_more(self) -> None:
        """The answer is on its way: read what is left of the body only if it is here already."""
        self._may_wait = False

    def recv(self, size: int) -> bytes:
        """Return at least a byte, or none at the end. Raises ParseException, TooSlow among them, and OSError."""
        if self._bytes:
            data = bytes(self._bytes[:size])
            del self._bytes[:size]
            return data
        if self.is_ended:
            return b""
        if self._pace is None:
            raise LimitRequestHeaders("too long in all")  # The parser refuses by itself whatever else is not whole.
        self._sock.settimeout(self._pace.left_s() if self._may_wait else 0)
        began = time.monotonic()
        try:
            data = self._sock.recv(size)
        except NOT_NOW as error:
            raise TooSlow("body") from error
        self._pace.moved(len(data), began)
        return bytes(data)


class Requests:
    """The requests of a connection, one after the other."""

    def __init__(self, config: Any, sock: Any, client: Any) -> None:
        self._source = Source(sock)
        self._parser = http.get_parser(config, self._source, client)
        self.request: Any = None
        """The one being received or served."""

    @property
    def waits_for(self) -> str:
        """What the client has to send, one of ALLOWED_S."""
        if self.request is not None:
            return "body"
        if len(self._source):
            return "head"
        return "next request" if self._parser.req_count else "first request"

    def receive(self) -> bool:
        """Take in what comes next, unless it is all here; whether there is a request for the app now.

        Raises one of NOT_NOW where nothing comes within the socket's timeout, ParseException, StopIteration when the
        client ended before a request, and OSError.
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
        """Whether all of the request's body is here, so that nobody has to wait for it."""
        num_received = len(self._parser.unreader.buf.getvalue()) + len(self._source)
        return self._source.is_ended or (self._length is not None and self._length <= num_received)

    @property
    def is_upgrade(self) -> bool:
        """Whether the request asks to become a WebSocket."""
        return self.request is not None and self._has_header("UPGRADE")

    def finish(self) -> bool:
        """End the request that was answered; whether the next one may begin.

        What is left of the body is skipped, if it is here already and not long.
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
        """Of what is left of the request's body; None where it comes in chunks."""
        reader = self.request.body.reader
        return reader.length if isinstance(reader, LengthReader) else None

    def _has_header(self, name: str) -> bool:
        return any(name == each for each, _ in self.request.headers)
