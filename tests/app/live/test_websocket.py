"""Our WebSocket on connections that end in unusual ways, without a server."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import engineio
import pytest

from app.live.ratelimit import RateLimit
from app.live.websocket import SESSION, WebSocket
from tests.proxy import make_certificate
from tests.servers import ROOT

CLOSE_FRAME = b"\x88\x02\x03\xe8"
"""Code 1000: a normal closure."""


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    server, client = socket.socketpair()
    with server, client:
        client.settimeout(5)
        yield server, client


def serve(server: socket.socket, handle: Callable[[WebSocket], Any]) -> None:
    engine = engineio.Server(async_mode="threading")
    session = SimpleNamespace(
        is_upgrading=False, rate_limit=RateLimit(9, 9), websocket=None, check=lambda _: None, offend=lambda _: None
    )
    environ = {"HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ==", "gunicorn.socket": server, SESSION: session}
    with pytest.raises(StopIteration):  # This tells the server to leave the connection alone.
        WebSocket(handle, engine)(environ, lambda *_: None)


def received_by(client: socket.socket) -> bytes:
    received = b""
    while more := client.recv(65536):
        received += more
    return received


REPLACE = """
import sys, engineio
from app.live import websocket
engine, other = (engineio.Server(async_mode=sys.argv[1]) for _ in "ab")
before = engine._async["websocket"]
websocket.use_in(engine)
assert engine._async["websocket"] is websocket.WebSocket is not before
assert other._async["websocket"] is engineio.Server(async_mode=sys.argv[1])._async["websocket"] is before
"""


@pytest.mark.parametrize("async_mode", ["threading", "eventlet"])
def test_our_websocket_replaces_the_librarys_in_one_engine_only(async_mode: str) -> None:
    """In a process of its own: once eventlet is imported, it warns at each fork of the tests that follow."""
    argv = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", REPLACE, async_mode]
    subprocess.run(argv, cwd=ROOT, check=True)


def test_a_connected_client_gets_a_close_frame(ends: tuple[socket.socket, socket.socket]) -> None:
    server, client = ends
    serve(server, lambda ws: ws.close())
    received = received_by(client)
    assert received.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in received, "as in RFC 6455"
    assert received.endswith(b"\r\n\r\n" + CLOSE_FRAME)


def test_a_client_that_is_lost_just_before_the_close_frame_causes_no_error(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    server, client = ends

    def lose_and_close(ws: WebSocket) -> None:
        client.close()
        ws.close()
        ws.close()

    serve(server, lose_and_close)


def test_bytes_that_cannot_be_written_at_once_precede_later_messages(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    server, client = ends
    frames = b"\x00" * 1_000_000
    outcomes: list[bool] = []
    received: list[bytes] = []
    threads: list[threading.Thread] = []

    def write(ws: WebSocket) -> None:
        outcomes.append(ws.write_now(memoryview(frames)))
        outcomes.append(ws.write_now(memoryview(b"more")))
        threads.append(threading.Thread(target=lambda: received.append(received_by(client))))
        threads[0].start()
        ws.send("later")

    serve(server, write)
    assert outcomes == [True, False]
    threads[0].join()
    assert received[0].partition(b"\r\n\r\n")[2] == frames + b"\x81\x05later" + CLOSE_FRAME


def test_nothing_is_sent_after_half_a_frame(ends: tuple[socket.socket, socket.socket]) -> None:
    server, client = ends

    def write(ws: WebSocket) -> None:
        server.settimeout(0.05)
        with pytest.raises(TimeoutError):
            ws.send("x" * 10_000_000)
        with pytest.raises(ConnectionError):
            ws.send("more")
        assert not ws.write_now(memoryview(b"more"))

    serve(server, write)
    assert set(received_by(client)[-1000:]) == set(b"x")


def test_nothing_bypasses_the_encryption_of_a_tls_connection(
    ends: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    make_certificate(tmp_path)
    certified = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certified.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with ThreadPoolExecutor() as pool:
        accepting = pool.submit(certified.wrap_socket, ends[0], server_side=True)
        with trusting.wrap_socket(ends[1]) as client, accepting.result(5) as server:
            serve(server, lambda websocket: websocket.write_now(memoryview(bytes(16))) or websocket.send("hello"))
            assert received_by(client).endswith(b"\x81\x05hello")
