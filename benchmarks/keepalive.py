"""HTTP requests over keep-alive connections in one thread, as fast as possible or at an interval."""

from __future__ import annotations

import select
import socket
import time

TIMEOUT_S = 30.0


class Poller:
    """A connection that requests the same path again after each response."""

    def __init__(self, port: int, path: str, interval_s: float = 0.0) -> None:
        self.latencies_s: list[float] = []
        self.num_failed = 0
        self._interval_s = interval_s
        self._request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        self._sent_at: float | None = None
        self._due_at = time.monotonic()
        self._unread = b""
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self) -> None:
        self._sent_at = time.monotonic()
        self.socket.sendall(self._request)

    def send_when_due(self) -> None:
        """Send a request if none is in progress and the interval has passed."""
        if self._sent_at is None and time.monotonic() >= self._due_at:
            self._due_at = time.monotonic() + self._interval_s
            self.send()

    def read(self) -> bool:
        """Read once and return whether the response is complete."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("The server closed a keep-alive connection.")
        self._unread += data
        head, separator, body = self._unread.partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head):
            return False
        assert self._sent_at is not None
        self.latencies_s.append(time.monotonic() - self._sent_at)
        self.num_failed += not head.startswith(b"HTTP/1.1 200 ")
        self._sent_at, self._unread = None, b""
        return True


def _content_length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0])


def requests_per_s(port: int, path: str, num_connections: int, seconds: float) -> float:
    """Send requests over `num_connections` connections for `seconds`."""
    pollers = {poller.socket.fileno(): poller for poller in (Poller(port, path) for _ in range(num_connections))}
    with select.epoll() as poll:
        for descriptor, poller in pollers.items():
            poll.register(descriptor, select.EPOLLIN)
            poller.send()
        began_s = time.monotonic()
        while time.monotonic() - began_s < seconds:
            for descriptor, _ in poll.poll(TIMEOUT_S):
                if pollers[descriptor].read():
                    pollers[descriptor].send()
        took_s = time.monotonic() - began_s
    for poller in pollers.values():
        poller.socket.close()
        assert poller.num_failed == 0, f"{path} failed"
    return sum(len(poller.latencies_s) for poller in pollers.values()) / took_s
