"""Wait for a condition instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PAUSES_S = (0.01, 0.05)


def wait_until(condition: Callable[[], T], timeout_s: float, describe: Callable[[], object] | None = None) -> T:
    """Poll `condition` and return its first true value. After `timeout_s`, fail and show the last value.

    Poll every 10 ms at first, and less often the longer it takes, because the processes that we wait for need the
    processor.
    """
    began = time.monotonic()
    while True:
        value = condition()
        if value:
            return value
        waited_s = time.monotonic() - began
        if waited_s > timeout_s:
            shown = describe() if describe is not None else value
            raise AssertionError(f"condition not met within {timeout_s:g} s; last value: {shown!r}")
        time.sleep(min(max(PAUSES_S[0], waited_s / 40), PAUSES_S[1]))
