"""The answers to invalid HTTP, which both servers give instead of the app and in the app's JSON shape.

Both servers read requests with gunicorn's parser, so they accept and refuse the same requests.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from urllib.parse import unquote

from gunicorn.http import errors as http

from app.problems import error_body

LIMIT_REQUEST_LINE = 8190
"""The most bytes of a request line. A list of columns can be long."""
LINGER_BYTES = 64 * 1024 * 1024
"""The most bytes to read before closing a connection. Closing it with unread bytes would reset it and might lose the
answer. So a server closes its own side and reads for up to LINGER_S, until the client closes the other side.
"""


class TooSlow(http.ParseException):  # type: ignore[misc]  # gunicorn has no types.
    """The client took too long to send a part of a request, "head" or "body"."""


class TooMany(http.ParseException):  # type: ignore[misc]
    """Too many requests of a kind are being served, "sockets" or "uploads"."""


MALFORMED_BODY = (http.InvalidChunkSize, http.ChunkMissingTerminator, http.InvalidChunkExtension)

_REFUSALS: dict[type[Exception], tuple[int, str]] = {
    http.LimitRequestLine: (414, f"The request line is too long. The limit is {LIMIT_REQUEST_LINE:,} bytes."),
    http.LimitRequestHeaders: (
        431,
        "The headers are too long. The limits are 8,190 bytes for each, 100 headers, and 32,768 bytes in total.",
    ),
    http.UnsupportedTransferCoding: (
        501,
        "This Transfer-Encoding is not supported. Send the body unencoded or chunked.",
    ),
    http.InvalidHTTPVersion: (505, "This version of HTTP is not supported. Use HTTP/1.1."),
    http.ExpectationFailed: (417, "This expectation is not supported. Send Expect: 100-continue or none."),
    TooSlow: (
        408,
        "The {} of the request took too long. Send it without pauses, over a faster connection.",
    ),
    TooMany: (503, "Too many {} are open at a time. Try again later."),
    **dict.fromkeys(MALFORMED_BODY, (400, "The body is not chunked correctly: {}.")),
}


def refusal(error: Exception) -> tuple[int, str]:
    """Return the code and message for a request that is not valid HTTP."""
    for kind, (code, message) in _REFUSALS.items():
        if isinstance(error, kind):
            return code, message.format(error)
    return 400, f"The request is not valid HTTP: {error}."


def is_ours(error: Exception) -> bool:
    """Return whether the app caused what looks like a client's error."""
    return isinstance(error, (http.InvalidResponseHeader, http.InvalidResponseHeaderName))


def describe_defect(error: Exception) -> str:
    return f"Unexpected error: {type(error).__name__}. The service's log has the details."


def is_for_sockets(path: str) -> bool:
    """Return whether a request's path may belong to a socket, whatever prefix a proxy leaves before it."""
    return "/socket.io" in unquote(path)


def name_of(client: object) -> str:
    """Return a client's address for the log, as the socket reports it."""
    return str(client[0]) if isinstance(client, tuple) else "a local client"


CONSEQUENCE = "Its request is refused"


def offence(error: Exception) -> str:
    """Describe for the log what the client did, without any text that the client chose."""
    code, _ = refusal(error)
    return f"sent a request that was answered with {code} {HTTPStatus(code).phrase} ({type(error).__name__})"


def encode(code: int, message: str) -> bytes:
    """Return a complete answer with an error in the app's JSON shape. The connection closes after it."""
    error = error_body(code, message)
    body = json.dumps(error).encode()
    retry = "Retry-After: 1\r\n" if code == 503 else ""
    head = (
        f"HTTP/1.1 {code} {error['status']}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"{retry}X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
