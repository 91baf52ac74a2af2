"""The choice of the connection that the server closes when it has no room."""

from __future__ import annotations

import socket

from app.server.waiting import TENURE_S, Waiting, has_unread


def never(_: str) -> bool:
    return False


class Clock:
    """A clock that the test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_least_missed_connection_is_the_oldest_of_the_largest_kind() -> None:
    clock = Clock()
    waiting: Waiting[str] = Waiting(never, clock)
    waiting.enter("honest", "next request", 1)
    for name in ("first", "second", "third"):
        waiting.enter(name, "head", 1)
    clock.now = TENURE_S
    assert waiting.least_missed() == waiting.oldest("head") == "first"
    waiting.leave("first")
    assert waiting.least_missed() == "second"


def test_a_new_connection_is_not_closed_before_its_tenure_ends() -> None:
    clock = Clock()
    waiting: Waiting[str] = Waiting(never, clock)
    assert waiting.least_missed() is None
    waiting.enter("idle", "next request", 30)
    clock.now = TENURE_S
    for number in range(100):
        waiting.enter(f"new {number}", "first request", 30)
    assert waiting.least_missed() == "idle"
    waiting.leave("idle")
    assert waiting.least_missed() is None
    clock.now = 2 * TENURE_S
    assert waiting.least_missed() == "new 0"


def test_a_connection_is_not_closed_while_its_request_waits_for_the_service() -> None:
    clock, late = Clock(), {"late"}
    waiting: Waiting[str] = Waiting(late.__contains__, clock)
    for name in ("late", "idle"):
        waiting.enter(name, "next request", 30)
    clock.now = TENURE_S
    assert waiting.least_missed() == "idle"
    waiting.leave("idle")
    assert waiting.least_missed() is None
    waiting.enter("late", "unread answer", 30)
    clock.now = 2 * TENURE_S
    assert waiting.least_missed() == "late", "a client that does not read may send as much as it likes"


def test_what_a_client_has_sent_counts_until_it_is_read() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert not has_unread(ours.fileno())
        theirs.send(b"GET")
        assert has_unread(ours.fileno())
        ours.recv(3)
        assert not has_unread(ours.fileno())
    assert not has_unread(ours.fileno())


def test_a_connection_that_still_waits_for_the_same_part_keeps_its_deadline() -> None:
    """Otherwise an occasional byte would keep a connection open forever."""
    clock = Clock()
    waiting: Waiting[str] = Waiting(never, clock)
    assert waiting.enter("slow", "head", 10) is None
    clock.now = 9
    assert waiting.enter("slow", "head", 10) == "head"
    assert waiting.overdue() == []
    assert waiting.overdue(hurry_s=1) == [("slow", "head")]
    clock.now = 10
    assert waiting.overdue() == [("slow", "head")]
    assert waiting.enter("slow", "body", 30) == "head"
    assert (waiting.count("head"), waiting.count("body"), "slow" in waiting) == (0, 1, True)
    assert waiting.leave("slow")
    assert not waiting.leave("slow")
    clock.now = 100
    assert waiting.overdue() == []
    assert waiting.least_missed() is None
