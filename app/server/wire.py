"""What both servers answer themselves, instead of the app: requests that are not valid HTTP, in the one shape.

Both read requests with gunicorn's parser, so they accept and refuse the same.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from urllib.parse import unquote

from gunicorn.http import errors as http

from app.problems import error_body

LIMIT_REQUEST_LINE = 8190
"""Bytes of a request line; a list of columns can be long."""
LINGER_BYTES = 64 * 1024 * 1024
"""To close a connection with something unread would reset it, and the answer might be lost with it. So a server closes
its own side, and reads what still comes until the client closes the other: so much, for LINGER_S.
"""


class TooSlow(http.ParseException):  # type: ignore[misc]  # It has no types.
    """The client took too long to send a request."""

    def __init__(self, part: str) -> None:
        """`part`: what of the request was still missing, head or body."""
        super().__init__(part)


class TooMany(http.ParseException):  # type: ignore[misc]
    """Too many requests of this kind are being served."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)


MALFORMED_BODY = (http.InvalidChunkSize, http.ChunkMissingTerminator, http.InvalidChunkExtension)

_REFUSALS: dict[type[Exception], tuple[int, str]] = {
    http.LimitRequestLine: (414, f"The request line is too long. It may have {LIMIT_REQUEST_LINE:,} bytes."),
    http.LimitRequestHeaders: (
        431,
        "The headers are too long. Each may have 8,190 bytes, there may be 100 of them, and 32,768 bytes in all.",
    ),
    http.UnsupportedTransferCoding: (
        501,
        "This Transfer-Encoding is not supported. Send the body as it is, or chunked.",
    ),
    http.InvalidHTTPVersion: (505, "This version of HTTP is not supported. Use HTTP/1.1."),
    http.ExpectationFailed: (417, "This expectation is not supported. Only Expect: 100-continue is."),
    TooSlow: (
        408,
        "The {} of the request took too long. Send it without pauses, over a connection that is fast enough.",
    ),
    TooMany: (503, "Too many {} are open at a time. Try again later."),
    **dict.fromkeys(MALFORMED_BODY, (400, "The body is not chunked correctly: {}.")),
}


def refusal(error: Exception) -> tuple[int, str]:
    """The code and message for a request that is not valid HTTP."""
    for kind, (code, message) in _REFUSALS.items():
        if isinstance(error, kind):
            return code, message.format(error)
    return 400, f"The request is not valid HTTP: {error}."


def is_ours(error: Exception) -> bool:
    """Whether the app is at fault for what looks like an error of the client."""
    return isinstance(error, (http.InvalidResponseHeader, http.InvalidResponseHeaderName))


def describe_defect(error: Exception) -> str:
    return f"Unexpected error: {type(error).__name__}. The service's log has the details."


def is_for_sockets(path: str) -> bool:
    """Whether a request's path may belong to a socket, whatever prefix a proxy leaves before it."""
    return "/socket.io" in unquote(path)


def name_of(client: object) -> str:
    """The address of a client, as the socket tells it, for a log."""
    return str(client[0]) if isinstance(client, tuple) else "a local client"


CONSEQUENCE = "Its request is refused"


def offence(error: Exception) -> str:
    """What the client did, for a log, with nothing in it that the client chose."""
    code, _ = refusal(error)
    return f"sent a request that got {code} {HTTPStatus(code).phrase} ({type(error).__name__})"


def encode(code: int, message: str) -> bytes:
    """A whole answer with an error of the one shape, after which the connection closes."""
    told = error_body(code, message)
    body = json.dumps(told).encode()
    retry = "Retry-After: 1\r\n" if code == 503 else ""
    head = (
        f"HTTP/1.1 {code} {told['status']}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"{retry}X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
