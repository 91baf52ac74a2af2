"""Inspect the image files of a split."""

from __future__ import annotations

from pathlib import Path

from trainer.dataset.imagefile import Depth, Inspection, inspect
from trainer.dataset.remembered import RememberedInspections
from trainer.dataset.threads import OnProgress, in_threads
from trainer.preparation.images import Split


def inspect_split(split: Split, cache_dir: Path, depth: Depth, on_progress: OnProgress) -> list[Inspection]:
    """Inspect each image of `split`, in its order, at least to `depth`.

    Reads only images that have changed since they were remembered in `cache_dir`. The others have no size and mode.
    """
    remembered = RememberedInspections(cache_dir, split.path)
    found = {path: seen for path in split.paths if (seen := remembered.find(path, depth)) is not None}
    new = [path for path in split.paths if path not in found]
    for path, seen in zip(new, in_threads(lambda index: inspect(new[index], depth), len(new), on_progress)):
        remembered.add(path, seen)
        found[path] = seen
    remembered.save()
    return [found[path] for path in split.paths]
