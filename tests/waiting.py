"""Waiting for a condition instead of for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], timeout_s: float, describe: Callable[[], object] | None = None) -> T:
    """Return the first true value of `condition`, looked at every 10 ms; else fail and show the last one."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            shown = describe() if describe is not None else value
            raise AssertionError(f"not within {timeout_s:g} s; last: {shown!r}")
        time.sleep(0.01)
