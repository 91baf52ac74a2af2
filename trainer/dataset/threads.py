"""Process many images in threads. Pillow, hashes and checksums release the GIL."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

BLOCK = 256
"""Images between two reports of the progress."""
MAX_THREADS = 16

Result = TypeVar("Result")
OnProgress = Callable[[int, int], object]
"""Called with the number of images done and the number of all images."""


def in_threads(work: Callable[[int], Result], count: int, on_progress: OnProgress) -> list[Result]:
    """Return `work(i)` for each i below `count`. An exception in `work` cancels the rest and is raised."""
    results: list[Result] = []
    on_progress(0, count)
    with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as pool:
        try:
            for start in range(0, count, BLOCK):
                results += pool.map(work, range(start, min(start + BLOCK, count)))
                on_progress(len(results), count)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return results
