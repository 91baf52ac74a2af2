"""The threads for long computations on each server, and the locks and the log that these threads need."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any


def offload_for(async_mode: str) -> Callable[[Callable[[], Any]], Any]:
    """Return a function that calls a function without blocking other clients. Eventlet needs real threads for it."""
    if async_mode != "eventlet":
        return lambda compute: compute()
    from eventlet import tpool

    execute: Callable[[Callable[[], Any]], Any] = tpool.execute
    execute(bool)  # Make the threads now. If files ran out during the first call, all later ones would wait forever.
    return execute


def lock_maker_for(async_mode: str) -> Callable[[], AbstractContextManager[object]]:
    """Return a factory of locks for the threads of `offload_for`. Eventlet replaces threading.Lock with its own."""
    if async_mode != "eventlet":
        return threading.Lock
    from eventlet.patcher import original

    make: Callable[[], AbstractContextManager[object]] = original("threading").Lock
    return make


class LogHandler(logging.StreamHandler):  # type: ignore[type-arg]  # Python 3.10 does not know it as generic.
    """Log to stderr from the threads of `offload_for` as well, under eventlet.

    Eventlet makes the lock of any other handler its own. If one of these threads logged at the same moment as the loop,
    one of them would wait forever.
    """

    def createLock(self) -> None:
        from eventlet.patcher import original

        self.lock = original("threading").RLock()
