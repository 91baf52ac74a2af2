"""Look at every image of an inventory, with threads, within a budget of time for decoding."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from trainer.dataset.imagefile import Depth, Look, look
from trainer.dataset.inventory import ImageFile, Inventory

BATCH = 64
"""Images between two looks at the clock."""
MAX_THREADS = 8

Looks = dict[ImageFile, Look]


def check_images(
    inventory: Inventory, decode_s: float, tell: Callable[[Looks], object], tell_every_s: float = 0.5
) -> Looks:
    """Look at every image and return what was seen.

    For `decode_s` seconds images are decoded in full, which alone finds every truncated one; of the rest only the
    header (and a PNG's checksums) is read, and the content is hashed. The order is shuffled, the same each time, so
    that those decoded stand for all. `tell` is called now and then with what was seen so far.
    """
    files = list(inventory.files)
    random.Random(0).shuffle(files)
    looks: Looks = {}
    began = told = time.monotonic()
    telling_s = 0.0
    with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as pool:
        for start in range(0, len(files), BATCH):
            batch = files[start : start + BATCH]
            now = time.monotonic()
            if now - told >= max(tell_every_s, 10 * telling_s):  # Telling of 100,000 images takes a while itself.
                tell(looks)
                told = time.monotonic()
                telling_s = told - now
            depth = Depth.PIXELS if now - began < decode_s else Depth.HEADER
            seen = pool.map(look, [file.path for file in batch], [depth] * len(batch))
            looks.update(zip(batch, seen))
    return looks
