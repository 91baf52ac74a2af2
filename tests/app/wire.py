"""Raw HTTP requests, and the answers that arrive until the service closes the connection."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from tests.servers import LiveServer

Answer = tuple[int, Any]
JSON = "Host: localhost\r\nContent-Type: application/json\r\n"


@contextmanager
def connected(server: LiveServer) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
        yield sock


def read_answer(stream: BinaryIO) -> Answer | None:
    """Read the next answer: its code and its body, parsed if it is JSON. Return None when the connection is closed."""
    line = stream.readline()
    if not line:
        return None
    headers = {}
    while (field := stream.readline().decode().strip()) != "":
        name, _, value = field.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    is_json = headers.get("content-type") == "application/json"
    return int(line.split()[1]), json.loads(body) if is_json and body else body


def exchange(server: LiveServer, *parts: bytes, is_ended: bool = False) -> list[Answer]:
    """Send the parts and read all answers. `is_ended`: the client shuts down its sending side after the last part."""
    with connected(server) as sock, sock.makefile("rb") as stream:
        for part in parts:
            sock.sendall(part)
        if is_ended:
            sock.shutdown(socket.SHUT_WR)
        return list(iter(lambda: read_answer(stream), None))


def post(path: str, headers: str, body: bytes = b"", version: str = "1.1") -> bytes:
    return f"POST {path} HTTP/{version}\r\n{JSON}{headers}\r\n".encode() + body
