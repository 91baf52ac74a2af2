"""The limit on open files and sockets. systemd and shells allow 1,024, and more on request."""

from __future__ import annotations

import errno
import logging
import math
import resource
import time

logger = logging.getLogger(__name__)

SPARE = 2000
"""Descriptors for REST connections, which clients keep open, and for the files of runs."""
MAX_FILES = 500
"""The part of SPARE that is reserved for the files of runs, pipes and the like, and never used for connections."""
NO_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""The errors when a process or the machine cannot open anything more at present."""
LOG_INTERVAL_S = 60.0
ROOM_FILES = 8
"""The number of connections to give up when nothing can be opened, because a request needs files too."""


def allow_for(max_sockets: int) -> None:
    """Raise the process's limit to what `max_sockets` sockets need, or as far as the hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = max_sockets + SPARE
    allowed = _allowed(needed, soft, hard)
    if allowed != soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < needed:
        logger.warning(
            "Only %d files may be open at a time. That is too few for REST and TRAINING_MAX_SOCKETS=%d sockets. "
            "Set LimitNOFILE=%d (systemd) or `ulimit -n`, or allow fewer sockets.",
            allowed,
            max_sockets,
            needed,
        )


def max_connections(max_sockets: int) -> int:
    """Return how many connections may be open at a time after a call of `allow_for`. The rest is for files.

    The number never exceeds the need, even if the system allows millions, because each connection can make the service
    keep an incomplete head and body.
    """
    needed = max_sockets + SPARE
    allowed = min(needed, _allowed(needed, *resource.getrlimit(resource.RLIMIT_NOFILE)))
    return allowed - min(allowed // 2, MAX_FILES)


def _allowed(needed: int, soft: int, hard: int) -> int:
    soft, hard = (2**31 if limit == resource.RLIM_INFINITY else limit for limit in (soft, hard))
    return max(soft, min(needed, hard))


class Shortage:
    """The log of failures to open anything, with at most one line a minute."""

    def __init__(self) -> None:
        self._logged_at = -math.inf

    def report(self, error: OSError) -> None:
        now = time.monotonic()
        if now - self._logged_at >= LOG_INTERVAL_S:
            self._logged_at = now
            logger.error("Cannot open another file or connection: %s. Idle connections make room.", error.strerror)


class Capacity:
    """The number of connections that may be open. It is lower for a while after the system could not open so many."""

    def __init__(self, max_connections: int) -> None:
        self._max_connections = self._lowered = max_connections
        self._lowered_until = -math.inf
        self._shortage = Shortage()

    def fell_short(self, error: OSError, num_open: int) -> None:
        """Lower the capacity for a while, because the system could not open more than `num_open`."""
        self._shortage.report(error)
        self._lowered = max(1, num_open - ROOM_FILES)
        self._lowered_until = time.monotonic() + LOG_INTERVAL_S

    def is_reached(self, num_open: int) -> bool:
        is_lowered = time.monotonic() < self._lowered_until
        return num_open >= (self._lowered if is_lowered else self._max_connections)
