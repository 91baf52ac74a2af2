"""Wait for a condition instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], timeout_s: float, describe: Callable[[], object] | None = None) -> T:
    """Poll `condition` every 10 ms and return its first true value. After `timeout_s`, fail and show the last value."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            shown = describe() if describe is not None else value
            raise AssertionError(f"condition not met within {timeout_s:g} s; last value: {shown!r}")
        time.sleep(0.01)
