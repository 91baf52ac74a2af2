"""The connections that wait for their client. When it needs room, the service ends the oldest ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

MAX_UNREAD = 256
"""The most connections with an unread answer. Each keeps as much in memory as the page's largest file."""
TENURE_S = 0.25
"""The minimum wait before the service ends a connection. An attack could otherwise end one that is about to send."""

C = TypeVar("C", bound=Hashable)


class Waiting(Generic[C]):
    """The waiting connections by kind (what they wait for), each kind in the order of arrival."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kinds: dict[str, dict[C, tuple[float, float]]] = {}
        """When the wait of each connection began, and its deadline."""
        self._kind_of: dict[C, str] = {}

    def __contains__(self, connection: C) -> bool:
        return connection in self._kind_of

    def count(self, kind: str) -> int:
        return len(self._kinds.get(kind, ()))

    def enter(self, connection: C, kind: str, allowed_s: float) -> str | None:
        """Let a connection wait, and return the kind that it has waited for until now.

        A connection that continues to wait for the same kind keeps its place and its deadline.
        """
        waited_for = self._kind_of.get(connection)
        if waited_for != kind:
            self.leave(connection)
            now = self._clock()
            self._kind_of[connection] = kind
            self._kinds.setdefault(kind, {})[connection] = now, now + allowed_s
        return waited_for

    def leave(self, connection: C) -> bool:
        """End the wait of a connection, and return whether it was waiting."""
        kind = self._kind_of.pop(connection, None)
        if kind is not None:
            del self._kinds[kind][connection]
        return kind is not None

    def overdue(self, hurry_s: float = 0.0) -> list[tuple[C, str]]:
        """Return the connections whose deadline passes within `hurry_s`, each with its kind."""
        now = self._clock() + hurry_s
        return [
            (connection, kind)
            for kind, connections in self._kinds.items()
            for connection, (_, deadline) in connections.items()
            if deadline <= now
        ]

    def oldest(self, kind: str) -> C:
        """Return the connection of this kind that has waited longest. Raises StopIteration if there is none."""
        return next(iter(self._kinds[kind]))

    def least_missed(self) -> C | None:
        """Return the connection to end when there is no room: the oldest of the largest kind, if it is old enough.

        An attack makes many connections of one kind. An honest client is one of few of its kind and waits briefly.
        """
        latest = self._clock() - TENURE_S
        for connections in sorted(self._kinds.values(), key=len, reverse=True):
            oldest = next(iter(connections), None)
            if oldest is not None and connections[oldest][0] <= latest:
                return oldest
        return None
