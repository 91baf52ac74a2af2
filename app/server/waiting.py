"""The connections that wait for their client, of which the service can do without the oldest."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

MAX_UNREAD = 256
"""Connections whose answer may wait to be read; each keeps as much as the page's largest file in memory."""
TENURE_S = 0.25
"""No connection is given up earlier. Else an attack could end one whose request is on its way."""

C = TypeVar("C", bound=Hashable)


class Waiting(Generic[C]):
    """Connections by what they wait for, each kind in the order in which it began to."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kinds: dict[str, dict[C, tuple[float, float]]] = {}
        """Since when and until when each may wait."""
        self._kind_of: dict[C, str] = {}

    def __contains__(self, connection: C) -> bool:
        return connection in self._kind_of

    def count(self, kind: str) -> int:
        return len(self._kinds.get(kind, ()))

    def enter(self, connection: C, kind: str, allowed_s: float) -> str | None:
        """Let it wait, and return what it has waited for until now.

        One that goes on waiting for the same keeps its place and its deadline.
        """
        waited_for = self._kind_of.get(connection)
        if waited_for != kind:
            self.leave(connection)
            now = self._clock()
            self._kind_of[connection] = kind
            self._kinds.setdefault(kind, {})[connection] = now, now + allowed_s
        return waited_for

    def leave(self, connection: C) -> bool:
        """Whether it has waited until now."""
        kind = self._kind_of.pop(connection, None)
        if kind is not None:
            del self._kinds[kind][connection]
        return kind is not None

    def overdue(self, hurry_s: float = 0.0) -> list[tuple[C, str]]:
        """Those whose deadline has passed, or will have after `hurry_s`, and what they wait for."""
        now = self._clock() + hurry_s
        return [
            (connection, kind)
            for kind, connections in self._kinds.items()
            for connection, (_, deadline) in connections.items()
            if deadline <= now
        ]

    def oldest(self, kind: str) -> C:
        """The one that has waited longest for this. Raises StopIteration when none does."""
        return next(iter(self._kinds[kind]))

    def least_missed(self) -> C | None:
        """The one to give up where there is no room left: the oldest of the fullest kind, if it is old enough.

        An attack shows as many connections of one kind. A client that means it waits among few, and not for long.
        """
        latest = self._clock() - TENURE_S
        for connections in sorted(self._kinds.values(), key=len, reverse=True):
            oldest = next(iter(connections), None)
            if oldest is not None and connections[oldest][0] <= latest:
                return oldest
        return None
