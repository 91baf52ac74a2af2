"""The connections that wait for their client. When it needs room, the service ends the oldest ones."""

from __future__ import annotations

import fcntl
import struct
import termios
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from app.server.incoming import ALLOWED_S

MAX_UNREAD = 256
"""The most connections with an unread answer. Each keeps as much in memory as the page's largest file."""
TENURE_S = 0.25
"""The minimum wait before the service ends a connection. An attack could otherwise end one that is about to send."""

C = TypeVar("C", bound=Hashable)


class Waiting(Generic[C]):
    """The waiting connections by kind (what they wait for), each kind in the order of arrival."""

    def __init__(self, has_sent: Callable[[C], bool], clock: Callable[[], float] = time.monotonic) -> None:
        """`has_sent` says whether the client of a connection has sent something that is not read yet."""
        self._has_sent = has_sent
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

        An attack makes many connections of one kind. An honest client is one of few of its kind and waits briefly. One
        that has sent what is waited for waits for the service, which may be late.
        """
        latest = self._clock() - TENURE_S
        for kind, connections in sorted(self._kinds.items(), key=lambda item: -len(item[1])):
            for connection, (since, _) in connections.items():
                if since > latest:
                    break
                if kind not in ALLOWED_S or not self._has_sent(connection):
                    return connection
        return None


def has_unread(descriptor: int) -> bool:
    """Whether a socket has received bytes that are not read yet. False for a closed one."""
    try:
        answer = fcntl.ioctl(descriptor, termios.FIONREAD, struct.pack("i", 0))
    except (OSError, ValueError):
        return False
    return bool(struct.unpack("i", answer)[0])
