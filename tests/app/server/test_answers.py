"""How an answer leaves the server: its head together with the first bytes of its body."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from app.server.connection import Channel, Readers
from app.server.eventlet_socket import PacedSocket


def paced(sock: socket.socket) -> tuple[Any, Callable[[], object]]:
    """Return eventlet's socket for one answer, and how the answer ends."""
    answer = PacedSocket(sock, nullcontext)
    return answer, answer.finish


def channel(sock: socket.socket) -> tuple[Any, Callable[[], object]]:
    """The same of gunicorn's worker."""
    answer = Channel(sock, Readers(1))
    answer.begin_answer()
    return answer, answer.flush


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(0)
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize("kind", [paced, channel])
def test_the_head_leaves_with_the_body_and_later_bytes_at_once(kind: Any, pair: Any) -> None:
    ours, theirs = pair
    answer, _ = kind(ours)
    answer.sendall(b"head,")
    with pytest.raises(BlockingIOError):
        theirs.recv(100)
    answer.sendall(b"first,")
    assert theirs.recv(100) == b"head,first,"
    answer.sendall(b"second")
    assert theirs.recv(100) == b"second"


@pytest.mark.parametrize("kind", [paced, channel])
def test_an_answer_without_a_body_leaves_at_its_end(kind: Any, pair: Any) -> None:
    ours, theirs = pair
    answer, finish = kind(ours)
    answer.sendall(b"head")
    finish()
    assert theirs.recv(100) == b"head"
