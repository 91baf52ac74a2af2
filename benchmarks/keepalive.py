"""HTTP requests over connections that stay open, by one thread: as many as a server can take, or at a pace."""

from __future__ import annotations

import select
import socket
import time

PATIENCE_S = 30.0


class Asker:
    """One connection that asks for one address again and again, the next time when the answer is there."""

    def __init__(self, port: int, path: str, every_s: float = 0.0) -> None:
        self.latencies_s: list[float] = []
        self.num_failed = 0
        self._every_s = every_s
        self._request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        self._asked_at: float | None = None
        self._due_at = time.monotonic()
        self._unread = b""
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self) -> None:
        self._asked_at = time.monotonic()
        self.socket.sendall(self._request)

    def ask_when_due(self) -> None:
        """Ask if nothing is under way and the pace has it so."""
        if self._asked_at is None and time.monotonic() >= self._due_at:
            self._due_at = time.monotonic() + self._every_s
            self.ask()

    def read(self) -> bool:
        """Read once; whether the answer is complete."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("The server closed a connection that should stay open.")
        self._unread += data
        head, separator, body = self._unread.partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head):
            return False
        assert self._asked_at is not None
        self.latencies_s.append(time.monotonic() - self._asked_at)
        self.num_failed += not head.startswith(b"HTTP/1.1 200 ")
        self._asked_at, self._unread = None, b""
        return True


def _content_length(head: bytes) -> int:
    _, _, behind = head.lower().partition(b"\r\ncontent-length:")
    return int(behind.partition(b"\r\n")[0])


def requests_per_s(port: int, path: str, num_connections: int, seconds: float) -> float:
    """Ask over so many connections at once for so long."""
    askers = {asker.socket.fileno(): asker for asker in (Asker(port, path) for _ in range(num_connections))}
    with select.epoll() as poll:
        for descriptor, asker in askers.items():
            poll.register(descriptor, select.EPOLLIN)
            asker.ask()
        began_s = time.monotonic()
        while time.monotonic() - began_s < seconds:
            for descriptor, _ in poll.poll(PATIENCE_S):
                if askers[descriptor].read():
                    askers[descriptor].ask()
        took_s = time.monotonic() - began_s
    for asker in askers.values():
        asker.socket.close()
        assert asker.num_failed == 0, f"{path} was refused"
    return sum(len(asker.latencies_s) for asker in askers.values()) / took_s
