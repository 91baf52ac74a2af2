"""Inspect every image of an inventory in threads, and decode as many as the time allows."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from trainer.dataset.imagefile import Depth, Inspection, inspect
from trainer.dataset.inventory import ImageFile, Inventory

BATCH = 64
"""Images between two reads of the clock."""
MAX_THREADS = 8

Inspections = dict[ImageFile, Inspection]


def check_images(
    inventory: Inventory, decode_s: float, on_progress: Callable[[Inspections], object], report_every_s: float = 0.5
) -> Inspections:
    """Inspect every image.

    Decodes images for `decode_s` seconds, because only that finds truncated ones. Of the others it reads the header
    (and the checksums of a PNG) and hashes the content. The order is shuffled, always in the same way, so that the
    decoded images are a fair sample. Calls `on_progress` now and then with the inspections so far.
    """
    files = list(inventory.files)
    random.Random(0).shuffle(files)
    inspections: Inspections = {}
    began = reported = time.monotonic()
    reporting_s = 0.0
    with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as pool:
        for start in range(0, len(files), BATCH):
            batch = files[start : start + BATCH]
            now = time.monotonic()
            if now - reported >= max(report_every_s, 10 * reporting_s):  # A report on 100,000 images takes long.
                on_progress(inspections)
                reported = time.monotonic()
                reporting_s = reported - now
            depth = Depth.PIXELS if now - began < decode_s else Depth.HEADER
            seen = pool.map(inspect, [file.path for file in batch], [depth] * len(batch))
            inspections.update(zip(batch, seen))
    return inspections
