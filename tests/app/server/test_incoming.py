"""The reception of requests, which has limits and precedes their parsing."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from gunicorn.config import Config
from gunicorn.http import errors

from app.server.incoming import MAX_AWAITED_BYTES, MAX_HEAD_BYTES, NOT_NOW, Requests

HEAD = b"POST /a HTTP/1.1\r\nHost: a\r\n"


class Client:
    """One end of a connection, and the requests that the other end receives."""

    def __init__(self) -> None:
        self.socket, self._served = socket.socketpair()
        self._served.setblocking(False)
        self.requests = Requests(Config(), self._served, ("127.0.0.1", 1))

    def close(self) -> None:
        self.socket.close()
        self._served.close()

    def is_received(self, *parts: bytes) -> bool:
        """Send the parts, receive all of them, and return whether a request has arrived."""
        for part in parts:
            self.socket.sendall(part)
        try:
            while not self.requests.receive():
                pass
        except NOT_NOW:
            return False
        return True


@pytest.fixture
def client() -> Iterator[Client]:
    connected = Client()
    yield connected
    connected.close()


def test_a_head_is_parsed_once_it_is_complete(client: Client) -> None:
    assert client.requests.waits_for == "first request"
    assert not client.is_received(b"G")
    assert client.requests.waits_for == "head"
    assert not client.is_received(b"ET /a HTTP/1.1\r\nHost: a\r\n")
    assert client.is_received(b"\r\n")
    assert (client.requests.request.path, client.requests.has_body) == ("/a", True)
    assert client.requests.finish()
    assert client.requests.waits_for == "next request"


def test_a_short_body_is_awaited(client: Client) -> None:
    assert not client.is_received(HEAD, b"Content-Length: 4\r\n\r\n", b"ab")
    assert client.requests.waits_for == "body"
    assert client.is_received(b"cdGET /b HTTP/1.1\r\n")
    assert client.requests.request.body.read() == b"abcd"
    assert client.requests.finish()
    assert client.requests.waits_for == "head"
    assert client.is_received(b"\r\n")
    assert client.requests.request.path == "/b"


@pytest.mark.parametrize(
    "framing",
    [
        f"Content-Length: {MAX_AWAITED_BYTES + 1}\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n",
        "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n",
    ],
)
def test_a_long_chunked_or_expected_body_is_left_to_the_application(client: Client, framing: str) -> None:
    assert client.is_received(HEAD, framing.encode())
    assert not client.requests.has_body
    assert not client.requests.finish(), "the rest of the body would be parsed as the next request"


def test_a_body_that_ends_early_is_received_as_far_as_it_came(client: Client) -> None:
    assert not client.is_received(HEAD, b"Content-Length: 4\r\n\r\nab")
    client.socket.shutdown(socket.SHUT_WR)
    assert client.is_received()
    assert client.requests.request.body.read() == b"ab"


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"GET /a HTTP/1.1\n\n", errors.InvalidRequestLine),
        (b"GET /a HTTP/1.1\r\nHost: a\n", errors.InvalidHeader),
        (b"GET /" + b"x" * MAX_HEAD_BYTES, errors.LimitRequestLine),
        (b"GET /a HTTP/1.1\r\n" + b"X: " + b"x" * MAX_HEAD_BYTES, errors.LimitRequestHeaders),
        (b"GET /a HTTP/1.1\r\n" + b"X: 1234567890\r\n" * (MAX_HEAD_BYTES // 14), errors.LimitRequestHeaders),
    ],
)
def test_a_request_that_cannot_become_valid_is_refused_at_once(
    client: Client, sent: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        client.is_received(sent)


def test_a_connection_may_end_between_two_requests(client: Client) -> None:
    assert client.is_received(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
    assert client.requests.finish()
    client.socket.shutdown(socket.SHUT_WR)
    with pytest.raises(StopIteration):
        client.is_received()


def test_a_connection_that_ends_within_a_head_is_an_error(client: Client) -> None:
    client.socket.sendall(HEAD)
    client.socket.shutdown(socket.SHUT_WR)
    with pytest.raises(errors.NoMoreData):
        client.is_received()
