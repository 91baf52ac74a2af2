"""A WebSocket whose connection is lost."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from app.live.websocket import WebSocket

HEADERS = {
    "HTTP_HOST": "localhost",
    "HTTP_UPGRADE": "websocket",
    "HTTP_CONNECTION": "Upgrade",
    "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ==",
    "HTTP_SEC_WEBSOCKET_VERSION": "13",
}


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    server, client = socket.socketpair()
    with server, client:
        yield server, client


def serve(server: socket.socket, websocket: WebSocket) -> None:
    environ = {**HEADERS, "gunicorn.socket": server, "PATH_INFO": "/", "QUERY_STRING": ""}
    with pytest.raises(StopIteration):  # How gunicorn is told that the connection is taken care of.
        websocket(environ, lambda *_: None)


def test_a_socket_lost_just_before_the_farewell_is_closed_without_an_error(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    server, _client = ends

    def lose_and_close(websocket: WebSocket) -> list[bytes]:
        server.close()
        assert websocket.ws.connected, "as it is until the reading thread has noticed"
        websocket.close()
        return []

    serve(server, WebSocket(lose_and_close, None))


def test_a_connected_client_gets_the_farewell(ends: tuple[socket.socket, socket.socket]) -> None:
    server, client = ends

    def close(websocket: WebSocket) -> list[bytes]:
        websocket.close()
        return []

    serve(server, WebSocket(close, None))
    received = client.recv(4096)
    client.close()
    assert b"101 Switching Protocols" in received
    assert received.endswith(b"\x88\x02\x03\xe8"), "a close frame, code 1000"
