"""What both servers answer themselves, instead of the app: requests that are not valid HTTP, in the one shape.

Both read requests with gunicorn's parser, so they accept and refuse the same.
"""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress

from gunicorn.http import errors as http

from app.problems import error_body

LIMIT_REQUEST_LINE = 8190
"""Bytes of a request line; a list of columns can be long."""
LINGER_S = 2.0
LINGER_BYTES = 64 * 1024 * 1024

MALFORMED_BODY = (http.InvalidChunkSize, http.ChunkMissingTerminator, http.InvalidChunkExtension)

_REFUSALS: dict[type[Exception], tuple[int, str]] = {
    http.LimitRequestLine: (414, f"The request line is too long. It may have {LIMIT_REQUEST_LINE:,} bytes."),
    http.LimitRequestHeaders: (
        431,
        "The headers are too long. Each may have 8,190 bytes, and there may be 100 of them.",
    ),
    http.UnsupportedTransferCoding: (
        501,
        "This Transfer-Encoding is not supported. Send the body as it is, or chunked.",
    ),
    http.InvalidHTTPVersion: (505, "This version of HTTP is not supported. Use HTTP/1.1."),
    http.ExpectationFailed: (417, "This expectation is not supported. Only Expect: 100-continue is."),
    **dict.fromkeys(MALFORMED_BODY, (400, "The body is not chunked correctly: {}.")),
}


def refusal(error: Exception) -> tuple[int, str]:
    """The code and message for a request that is not valid HTTP."""
    for kind, (code, message) in _REFUSALS.items():
        if isinstance(error, kind):
            return code, message.format(error)
    return 400, f"The request is not valid HTTP: {error}."


def encode(code: int, message: str) -> bytes:
    """A whole answer with an error of the one shape, after which the connection closes."""
    told = error_body(code, message)
    body = json.dumps(told).encode()
    head = (
        f"HTTP/1.1 {code} {told['status']}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def end(sock: socket.socket) -> None:
    """End a connection so that the client can read the answer, even while it still sends its request.

    To close with something unread would reset the connection, and the answer might be lost with it. So only our side
    is closed, and what comes is read until the client closes its own, for a bounded time.
    """
    with suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
        deadline, rest = time.monotonic() + LINGER_S, LINGER_BYTES
        while rest > 0 and (left_s := deadline - time.monotonic()) > 0:
            sock.settimeout(left_s)
            received = sock.recv(min(rest, 65536))
            if not received:
                break
            rest -= len(received)
        sock.shutdown(socket.SHUT_RDWR)
