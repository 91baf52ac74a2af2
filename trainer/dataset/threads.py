"""The same work for each of many images, by threads. Pillow, hashes and checksums release the GIL."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

BLOCK = 256
"""Images between two reports of how far it is."""
MAX_THREADS = 16

Result = TypeVar("Result")
Tell = Callable[[int, int], object]
"""Called with how many images are done and how many there are."""


def in_threads(work: Callable[[int], Result], count: int, tell: Tell) -> list[Result]:
    """Return what `work` gives for 0 to `count` - 1. What it raises comes through, and nothing new is begun then."""
    results: list[Result] = []
    tell(0, count)
    with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as pool:
        try:
            for start in range(0, count, BLOCK):
                results += pool.map(work, range(start, min(start + BLOCK, count)))
                tell(len(results), count)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return results
