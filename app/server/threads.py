"""What must run outside of eventlet's loop: how to call it, and how to lock it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any


def offload_for(async_mode: str) -> Callable[[Callable[[], Any]], Any]:
    """How to call what computes for long. Under eventlet only a thread of its own lets the others go on meanwhile."""
    if async_mode != "eventlet":
        return lambda compute: compute()
    from eventlet import tpool

    execute: Callable[[Callable[[], Any]], Any] = tpool.execute
    return execute


def lock_maker_for(async_mode: str) -> Callable[[], AbstractContextManager[object]]:
    """How to make a lock for the threads in which `offload_for` computes: eventlet replaces the usual ones."""
    if async_mode != "eventlet":
        return threading.Lock
    from eventlet.patcher import original

    make: Callable[[], AbstractContextManager[object]] = original("threading").Lock
    return make
