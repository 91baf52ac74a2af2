"""Random valid and invalid sessions on the sockets, over each transport. A seed reproduces a session."""

from __future__ import annotations

import json
import random
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from tests.live.stranger import HANDSHAKE, frame
from tests.servers import LiveServer

QUERIES = (
    "EIO=4&transport=websocket",
    "EIO=4&transport=websocket&t=1",
    "EIO=3&transport=websocket",
    "EIO=4&transport=polling",
    "EIO=4&transport=polling&j=0",
    "EIO=4&transport=websocket&sid=unknown",
    "transport=websocket&xsid=1",
    "&".join(["a=1"] * 50),
    "%00%ff=%zz",
    "",
)
VALUES = (
    None,
    True,
    -1,
    0,
    7,
    2**53,
    2**64,
    1e308,
    "",
    "x",
    "../x",
    "2026-01-01_00-00-00",
    "\ud800",
    [],
    {},
    [[]] * 50,
)
PACKETS = (
    "40/training,", '40/training,{"token":"x"}', "40", "40/admin,", "41/training,", "42/training,", "3", "2", "2probe",
    "5", "6", "1", "4", "0{}", "", "43/training,1[]", "44/training,{}", "45/training,1-[]",
    '451-["x",{"_placeholder":true,"num":0}]', "451000000000-/training,[]",
    '42/training,0["unsubscribe"]', '42/training,9["connect"]', '42/training,["disconnect"]', '42["subscribe"]',
    '42/training,999999999999999["subscribe",{}]', '42/training,1["subscribe",' + "[" * 5000, "b4AAAA", "\x1e" * 200,
)  # fmt: skip


class FuzzedSession:
    """A client that acts at random from its seed, then closes or drops the connection."""

    def __init__(self, server: LiveServer, seed: str) -> None:
        self._port = server.port
        self._random = random.Random(seed)
        self._address = f"127.0.0.{self._random.randint(2, 250)}"

    def run(self) -> None:
        """Run the session to its end. The server may close any connection at any moment."""
        kinds: tuple[Callable[[], None], ...] = (self._websocket,) * 6 + (self._polling,) * 2 + (self._garbage,)
        with suppress(OSError, ValueError):
            self._random.choice(kinds)()

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port), timeout=5, source_address=(self._address, 0))

    def _websocket(self) -> None:
        with self._connect() as connection:
            query = QUERIES[0] if self._random.random() < 0.85 else self._random.choice(QUERIES)
            connection.sendall(self._mutated(self._request("GET", query, HANDSHAKE), 0.05))
            if self._random.random() < 0.9:
                connection.recv(4096)
            if self._random.random() < 0.7:
                connection.sendall(frame(b"40/training,"))
            for _ in range(self._random.randint(0, 12)):
                connection.sendall(self._mutated(self._frames(), 0.05))
            self._leave(connection)

    def _polling(self) -> None:
        sid = self._open_session()
        query = f"{QUERIES[3]}&sid={sid}"
        if self._random.random() < 0.2:
            with self._connect() as connection:
                connection.sendall(self._request("GET", f"{QUERIES[0]}&sid={sid}", HANDSHAKE))
                for packet in self._random.sample(("2probe", "5", self._packet()), 2):
                    connection.sendall(frame(packet.encode(errors="surrogatepass")))
        for _ in range(self._random.randint(0, 4)):
            body = "\x1e".join(self._packet() for _ in range(self._random.choice((1, 1, 2, 20))))
            self._exchange(self._request("POST", query, {}, self._mutated(body.encode(errors="replace"), 0.1)))
            if self._random.random() < 0.3:
                self._exchange(self._request("GET", query, {}), timeout_s=0.05)
        if self._random.random() < 0.9:
            self._exchange(self._request("POST", query, {}, b"1"))

    def _open_session(self) -> str:
        answer = self._exchange(self._request("GET", QUERIES[3], {}))
        return str(json.loads(answer.partition(b"\r\n\r\n0")[2])["sid"])

    def _garbage(self) -> None:
        with self._connect() as connection:
            request = self._request("GET", self._random.choice(QUERIES), HANDSHAKE)
            variants = (request[: self._random.randint(0, len(request))], self._random.randbytes(300), request * 3)
            connection.sendall(self._random.choice(variants))
            self._leave(connection)

    def _exchange(self, request: bytes, timeout_s: float = 5) -> bytes:
        with self._connect() as connection:
            connection.settimeout(timeout_s)
            connection.sendall(request)
            return connection.recv(65536)

    def _request(self, method: str, query: str, headers: dict[str, str], body: bytes | None = None) -> bytes:
        lines = [f"{method} /socket.io/?{query} HTTP/1.1", f"Host: 127.0.0.1:{self._port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [] if body is None else [f"Content-Length: {len(body)}", "Connection: close"]
        return "\r\n".join([*lines, "", ""]).encode() + (body or b"")

    def _packet(self) -> str:
        if self._random.random() < 0.5:
            return self._random.choice(PACKETS)
        names = self._random.sample(("run_id", "row", "log_offset", "attempt", "x"), self._random.randint(0, 4))
        position = {name: self._random.choice(VALUES) for name in names}
        content = json.dumps(["subscribe", self._random.choice((position, position, position, *VALUES))])
        return f"42/training,{self._random.randint(0, 99)}{content}"

    def _frames(self) -> bytes:
        payload = self._mutated(self._packet().encode(errors="surrogatepass"), 0.1)
        kind = self._random.random()
        if kind < 0.6:
            return frame(payload)
        if kind < 0.75:  # a fragmented message, which may lack its end or have two beginnings
            cut = self._random.randint(0, len(payload))
            parts = [frame(payload[:cut], first_bits=0), frame(b"x", 9), frame(payload[cut:], 0)]
            return b"".join(self._random.choices(parts, k=3) if self._random.random() < 0.3 else parts)
        if kind < 0.85:
            return frame(self._random.randbytes(self._random.choice((0, 2, 125))), self._random.randint(8, 10))
        length = self._random.choice((None, 0, 126, 2**16, 2**40, 2**63))
        return frame(
            payload, self._random.randint(0, 15), first_bits=self._random.choice((0x80, 0, 0xC0)), length=length
        )

    def _mutated(self, data: bytes, share: float) -> bytes:
        if not data or self._random.random() > share:
            return data
        at = self._random.randrange(len(data))
        return self._random.choice(
            (data[:at], data[at:], data[:at] + self._random.randbytes(3) + data[at:], data[:at] + data * 2, data[::-1])
        )

    def _leave(self, connection: socket.socket) -> None:
        way = self._random.random()
        if way < 0.3:
            connection.sendall(frame(struct.pack("!H", self._random.choice((1000, 1001, 1005, 4999, 65535))), 8))
        elif way < 0.5:
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(0.05)
            connection.recv(4096)
        elif way < 0.8:  # Reset the connection.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
