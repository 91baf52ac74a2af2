"""Clients that have joined the namespace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import websocket

from tests.live.follower_client import FollowerClient
from tests.servers import WITHOUT_UTF8_CHECK, LiveServer


@contextmanager
def following(server: LiveServer, run_id: str | None = None) -> Iterator[FollowerClient]:
    """Yield a client that subscribes again at every gap, and close it."""
    client = FollowerClient(server.url, run_id)
    try:
        yield client
    finally:
        client.close()


def connected(server: LiveServer, **options: Any) -> websocket.WebSocket:
    """Return a plain WebSocket, whose messages the test reads in their order."""
    address = server.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    connection = websocket.create_connection(address, timeout=60, **WITHOUT_UTF8_CHECK, **options)
    connection.send("40/training,")
    return connection
