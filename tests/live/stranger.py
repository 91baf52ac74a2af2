"""A client on a plain socket, which can send what no client library sends."""

from __future__ import annotations

import socket
import struct
import time
from contextlib import suppress
from types import TracebackType
from urllib.parse import urlsplit

from tests.servers import LiveServer

HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
TEXT, BINARY, PING = 1, 2, 9


def frame(payload: bytes, opcode: int = TEXT, *, first_bits: int = 0x80, length: int | None = None) -> bytes:
    """Return a masked frame. `first_bits` are FIN and the reserved bits. `length` replaces the announced length."""
    length = len(payload) if length is None else length
    if length < 126:
        head = struct.pack("!BB", first_bits | opcode, 0x80 | length)
    elif length < 65536:
        head = struct.pack("!BBH", first_bits | opcode, 0x80 | 126, length)
    else:
        head = struct.pack("!BBQ", first_bits | opcode, 0x80 | 127, length)
    return head + bytes(4) + payload  # A mask of zeros changes nothing.


class Stranger:
    """An Engine.IO WebSocket that is open but has not joined a namespace."""

    def __init__(
        self,
        server: LiveServer,
        query: str = "EIO=4&transport=websocket",
        source: str = "127.0.0.1",
        headers: dict[str, str] | None = None,
    ) -> None:
        address = urlsplit(server.url)
        self.socket = socket.create_connection(("127.0.0.1", address.port), timeout=20, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = [f"{name}: {value}" for name, value in {"Host": address.netloc, **HANDSHAKE, **(headers or {})}.items()]
        self.socket.sendall("\r\n".join([f"GET /socket.io/?{query} HTTP/1.1", *lines, "", ""]).encode())
        self.received = b""
        while b"\r\n\r\n" not in self.received:
            received = self.socket.recv(4096)
            assert received, self.received
            self.received += received

    def __enter__(self) -> Stranger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()

    @property
    def status(self) -> int:
        return int(self.received.split()[1])

    def send(self, data: bytes) -> bool:
        """Send raw bytes. Return whether the connection still accepts them."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def send_packet(self, packet: str) -> bool:
        return self.send(frame(packet.encode()))

    def receive_until(self, text: bytes) -> None:
        """Receive until `text` has arrived."""
        self.socket.settimeout(20)
        while text not in self.received:
            received = self.socket.recv(65536)
            assert received, self.received
            self.received += received

    def is_closed(self, timeout_s: float = 0.0) -> bool:
        """Return whether the server closes the connection within `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        try:
            while True:
                self.socket.settimeout(max(0.0, deadline - time.monotonic()))
                received = self.socket.recv(65536)
                if not received:
                    return True
                self.received += received
        except (BlockingIOError, TimeoutError):
            return False
        except OSError:
            pass
        return True

    def send_until_refused(self, data: bytes, max_bytes: int) -> int:
        """Send the same bytes repeatedly. Return how many the server accepted before it closed the connection."""
        self.socket.settimeout(2)  # The server may also stop reading.
        sent = 0
        with suppress(OSError):
            while sent < max_bytes:
                sent += self.socket.send(data)
        return sent
