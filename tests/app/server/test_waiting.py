"""The choice of the connection that the server closes when it has no room."""

from __future__ import annotations

from app.server.waiting import TENURE_S, Waiting


class Clock:
    """A clock that the test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_least_missed_connection_is_the_oldest_of_the_largest_kind() -> None:
    clock = Clock()
    waiting: Waiting[str] = Waiting(clock)
    waiting.enter("honest", "next request", 1)
    for name in ("first", "second", "third"):
        waiting.enter(name, "head", 1)
    clock.now = TENURE_S
    assert waiting.least_missed() == waiting.oldest("head") == "first"
    waiting.leave("first")
    assert waiting.least_missed() == "second"


def test_a_new_connection_is_not_closed_before_its_tenure_ends() -> None:
    clock = Clock()
    waiting: Waiting[str] = Waiting(clock)
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


def test_a_connection_that_still_waits_for_the_same_part_keeps_its_deadline() -> None:
    """Otherwise an occasional byte would keep a connection open forever."""
    clock = Clock()
    waiting: Waiting[str] = Waiting(clock)
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
