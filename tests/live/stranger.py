"""A client that needs no library, and so can send what no library would."""

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
    """One masked frame. `first_bits`: FIN and the reserved bits; `length`: what it announces instead of its own."""
    length = len(payload) if length is None else length
    if length < 126:
        head = struct.pack("!BB", first_bits | opcode, 0x80 | length)
    elif length < 65536:
        head = struct.pack("!BBH", first_bits | opcode, 0x80 | 126, length)
    else:
        head = struct.pack("!BBQ", first_bits | opcode, 0x80 | 127, length)
    return head + bytes(4) + payload  # A mask of zeros changes nothing.


class Stranger:
    """A WebSocket of Engine.IO, opened but not joined."""

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
        """Send bytes as they are; whether the server still takes them."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def say(self, packet: str) -> bool:
        return self.send(frame(packet.encode()))

    def hear(self, text: bytes) -> None:
        """Receive until a text has come."""
        self.socket.settimeout(20)
        while text not in self.received:
            received = self.socket.recv(65536)
            assert received, self.received
            self.received += received

    def is_closed(self, timeout_s: float = 0.0) -> bool:
        """Whether the server ends the connection within a time."""
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
        """Send the same bytes again and again; how many the server took before it ended the connection."""
        self.socket.settimeout(2)  # It may also stop to read.
        sent = 0
        with suppress(OSError):
            while sent < max_bytes:
                sent += self.socket.send(data)
        return sent
