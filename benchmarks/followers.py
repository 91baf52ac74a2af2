"""Many Socket.IO clients in one thread, with just enough of WebSocket, Engine.IO and Socket.IO to receive events.

A thousand clients of the usual library would use more CPU than the measured server.
"""

from __future__ import annotations

import base64
import json
import os
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.keepalive import Poller

EVERY_S = 0.1
"""How often the benchmarks of followers publish a row."""

NAMESPACE = "/training"
EVENT, ACK = f"42{NAMESPACE},".encode(), f"43{NAMESPACE},".encode()
METRICS = EVENT + b'["metrics"'
CONNECTED, PING, PONG = f"40{NAMESPACE},".encode(), b"2", b"3"
TIMEOUT_S = 60.0
CHECK_INTERVAL_S = 0.2


class Follower:
    """One client. Between two calls of `receive`, data waits in the kernel."""

    def __init__(self, port: int) -> None:
        self.next_row: int | None = None
        """The number of the next row, or None before the first."""
        self.num_missed = 0
        self._unread = b""
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self._unread:
            self._unread += self.socket.recv(4096)
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        self.send(CONNECTED)
        self._wait_for(CONNECTED)

    def subscribe(self, run_id: str | None = None) -> None:
        """Follow a run. None: the latest one."""
        self.send(EVENT[:-1] + f',0["subscribe",{json.dumps({"run_id": run_id})}]'.encode())
        self._wait_for(ACK)

    def send(self, text: bytes) -> None:
        """Send a short text. Clients must mask what they send, so use a mask of zeros."""
        assert len(text) < 126
        self.socket.sendall(struct.pack("!BB4x", 0x81, 0x80 | len(text)) + text)

    def receive(self) -> list[bytes]:
        """Read once and return the complete messages. Answer pings."""
        self._unread += self.socket.recv(65536)
        messages, at = [], 0
        while len(self._unread) >= at + 2:
            length, start = self._unread[at + 1], at + 2
            if length == 126:
                start += 2
                length = int.from_bytes(self._unread[at + 2 : start], "big")
            elif length == 127:
                start += 8
                length = int.from_bytes(self._unread[at + 2 : start], "big")
            if len(self._unread) < start + length:
                break
            messages.append(self._unread[start : start + length])
            at = start + length
        self._unread = self._unread[at:]
        if PING in messages:
            self.send(PONG)
        return messages

    def _wait_for(self, prefix: bytes) -> None:
        while not any(message.startswith(prefix) for message in self.receive()):
            pass


class Crowd:
    """Followers that record the age of each row on arrival, and missing rows."""

    def __init__(self, port: int, number: int, subscribes: bool) -> None:
        self.ages_s: list[float] = []
        """The time from writing to arrival, for each follower and each row written after the call of `listen`."""
        self._listening_since = 0.0
        self._parsed: dict[bytes, tuple[int, list[float]]] = {}
        self.followers = [Follower(port) for _ in range(number)]
        if subscribes:
            for follower in self.followers:
                follower.subscribe()

    @property
    def num_missed(self) -> int:
        """Rows that did not reach a follower although later rows did."""
        return sum(follower.num_missed for follower in self.followers)

    def num_missing(self, number: int) -> int:
        """Count the rows still to arrive, if each follower should receive `number` rows."""
        return sum(number - (follower.next_row or 0) for follower in self.followers)

    def listen(self, is_done: Callable[[], bool], poller: Poller | None = None) -> None:
        """Receive until `is_done`, while `poller` polls at its interval. Raises TimeoutError after a long silence."""
        with select.epoll() as poll:
            by_descriptor = {follower.socket.fileno(): follower for follower in self.followers}
            for descriptor in by_descriptor:
                poll.register(descriptor, select.EPOLLIN)
            if poller is not None:
                poll.register(poller.socket.fileno(), select.EPOLLIN)
            received_at = checked_at = time.monotonic()
            self._listening_since = time.time()
            while True:
                for descriptor, _ in poll.poll(0.01):
                    if descriptor in by_descriptor:
                        self._receive(by_descriptor[descriptor])
                        received_at = time.monotonic()
                    elif poller is not None:
                        poller.read()
                if poller is not None:
                    poller.send_when_due()
                now = time.monotonic()
                if now - checked_at > CHECK_INTERVAL_S:
                    checked_at = now
                    if is_done():
                        return
                if now - received_at > TIMEOUT_S:
                    raise TimeoutError("The followers receive no more events.")

    def listen_for(self, seconds: float) -> None:
        done_at = time.monotonic() + seconds
        self.listen(lambda: time.monotonic() > done_at)

    def _receive(self, follower: Follower) -> None:
        messages = follower.receive()
        now = time.time()
        for message in messages:
            if message.startswith(METRICS):
                from_row, written_at = self._parse(message)
                follower.num_missed += abs(from_row - (from_row if follower.next_row is None else follower.next_row))
                follower.next_row = from_row + len(written_at)
                self.ages_s += [now - at for at in written_at if at >= self._listening_since]

    def _parse(self, message: bytes) -> tuple[int, list[float]]:
        """Parse a message once, although all followers receive it."""
        if message not in self._parsed:
            payload: dict[str, Any] = json.loads(message[len(EVENT) :])[1]
            column = payload["columns"].index("written_at") if payload["rows"] else 0
            self._parsed[message] = payload["from_row"], [row[column] for row in payload["rows"]]
        return self._parsed[message]


@contextmanager
def crowd(port: int, number: int, subscribes: bool = True) -> Iterator[Crowd]:
    gathered = Crowd(port, number, subscribes)
    try:
        yield gathered
    finally:
        for follower in gathered.followers:
            follower.socket.close()
