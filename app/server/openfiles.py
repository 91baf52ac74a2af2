"""How many files and sockets the service may have open: systemd and shells give 1,024, and more to whoever asks."""

from __future__ import annotations

import logging
import resource

logger = logging.getLogger(__name__)

SPARE = 2000
"""For connections of REST, which clients keep open, and the files of runs."""


def allow_for(max_sockets: int) -> None:
    """Raise the process's own limit to what so many sockets need, or to what its owner allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = max_sockets + SPARE
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < needed:
        logger.warning(
            "Only %d files may be open at a time, too few for TRAINING_MAX_SOCKETS=%d sockets and REST beside them: "
            "set LimitNOFILE=%d (systemd) or `ulimit -n`, or allow fewer sockets.",
            allowed,
            max_sockets,
            needed,
        )
