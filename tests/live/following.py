"""A FollowerClient that a `with` block closes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.live.follower_client import FollowerClient
from tests.servers import LiveServer


@contextmanager
def following(server: LiveServer, run_id: str | None = None) -> Iterator[FollowerClient]:
    client = FollowerClient(server.url, run_id)
    try:
        yield client
    finally:
        client.close()
