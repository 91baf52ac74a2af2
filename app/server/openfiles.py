"""How many files and sockets the service may have open: systemd and shells give 1,024, and more to whoever asks."""

from __future__ import annotations

import errno
import logging
import math
import resource
import time

logger = logging.getLogger(__name__)

SPARE = 2000
"""For connections of REST, which clients keep open, and the files of runs."""
MAX_FILES = 500
"""Of the spare ones, those that are kept for the files of runs, pipes and the like, and not for connections."""
NO_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""Errors of a process or a machine that cannot open anything more at present."""
LOG_INTERVAL_S = 60.0
ROOM_FILES = 8
"""So many connections fewer are held when nothing can be opened, because a request needs files too."""


def allow_for(max_sockets: int) -> None:
    """Raise the process's own limit to what so many sockets need, or to what its owner allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = max_sockets + SPARE
    allowed = _allowed(needed, soft, hard)
    if allowed != soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < needed:
        logger.warning(
            "Only %d files may be open at a time, too few for TRAINING_MAX_SOCKETS=%d sockets and REST beside them: "
            "set LimitNOFILE=%d (systemd) or `ulimit -n`, or allow fewer sockets.",
            allowed,
            max_sockets,
            needed,
        )


def max_connections(max_sockets: int) -> int:
    """How many connections may be open at a time once `allow_for` was called: the rest is for files.

    No more than are needed, even where millions are allowed: each can make us keep a head and a body that is not whole.
    """
    needed = max_sockets + SPARE
    allowed = min(needed, _allowed(needed, *resource.getrlimit(resource.RLIMIT_NOFILE)))
    return allowed - min(allowed // 2, MAX_FILES)


def _allowed(needed: int, soft: int, hard: int) -> int:
    soft, hard = (2**31 if limit == resource.RLIM_INFINITY else limit for limit in (soft, hard))
    return max(soft, min(needed, hard))


class Shortage:
    """Log once a minute that nothing can be opened."""

    def __init__(self) -> None:
        self._logged_at = -math.inf

    def report(self, error: OSError) -> None:
        now = time.monotonic()
        if now - self._logged_at >= LOG_INTERVAL_S:
            self._logged_at = now
            logger.error("No file or connection can be opened: %s. Idle connections make room.", error.strerror)


class Capacity:
    """How many connections may be open: fewer for a while than allowed, where that was too many."""

    def __init__(self, max_connections: int) -> None:
        self._max_connections = self._lowered = max_connections
        self._lowered_until = -math.inf
        self._shortage = Shortage()

    def fell_short(self, error: OSError, num_open: int) -> None:
        """Take note that no more than these could be opened."""
        self._shortage.report(error)
        self._lowered = max(1, num_open - ROOM_FILES)
        self._lowered_until = time.monotonic() + LOG_INTERVAL_S

    def is_reached(self, num_open: int) -> bool:
        is_lowered = time.monotonic() < self._lowered_until
        return num_open >= (self._lowered if is_lowered else self._max_connections)
