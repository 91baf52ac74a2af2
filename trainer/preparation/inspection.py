"""Inspect the image files of a split, and remember the results for files that do not change."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from trainer.dataset.imagefile import Depth, Inspection, inspect
from trainer.dataset.threads import OnProgress, in_threads
from trainer.dataset.valuerange import Extremes
from trainer.preparation.images import Split
from trainer.rundir import replacing

SETTLED_NS = 2_000_000_000
"""A file that changed more recently is not remembered: it may change again without a visible change of its times."""

State = list[int]
"""Metadata that changes with a file's content: size, times of change (ns), inode."""


def inspect_split(split: Split, folder: Path, depth: Depth, on_progress: OnProgress) -> list[Inspection]:
    """Inspect each image of `split`, in its order, at least to `depth`.

    A file in `folder`, one for each folder of images, remembers inspections by path and file state. If it is missing,
    corrupt or not writable, the images are inspected again. Remembered inspections have no size and mode.
    """
    cached = folder / f"{hashlib.blake2b(os.fsencode(split.path.resolve()), digest_size=16).hexdigest()}.inspected"
    known = _read(cached)
    names = [str(path.relative_to(split.path)) for path in split.paths]
    states = [_state(path) for path in split.paths]
    entries = {name: known[name] for name, state in zip(names, states) if _holds(known.get(name), state, depth)}
    new = [index for index, name in enumerate(names) if name not in entries]
    settled_ns = time.time_ns() - SETTLED_NS
    seen = dict(zip(new, in_threads(lambda i: inspect(split.paths[new[i]], depth), len(new), on_progress)))
    inspections = [seen[index] if index in seen else _inspection_of(entries[name]) for index, name in enumerate(names)]
    for index, each in seen.items():
        state = states[index]
        # Do not remember problems: another version of Pillow may be able to read the image.
        if state and each.problem is None and max(state[1:3]) <= settled_ns and _state(split.paths[index]) == state:
            entries[names[index]] = [*state, depth, each.digest.hex(), each.extremes]
    # A split that was made of a part of the folder shares this file with the other part.
    others = known.keys() - set(names)
    entries |= {name: known[name] for name in others if os.path.lexists(split.path / name)}
    with suppress(OSError):
        if entries != known:
            cached.parent.mkdir(parents=True, exist_ok=True)
            with replacing(cached) as file:
                file.write(json.dumps(entries).encode())
        os.utime(cached)  # trainer.preparation.cache removes the least recently used files first.
    return inspections


def _holds(entry: list[Any] | None, state: State, depth: Depth) -> bool:
    return entry is not None and entry[:4] == state and bool(entry[4] >= depth)


def _inspection_of(entry: list[Any]) -> Inspection:
    digest, extremes = entry[5:]
    deep = None if extremes is None else Extremes(*extremes)
    return Inspection(bytes.fromhex(digest), is_deep=deep is not None, extremes=deep)


def _state(path: Path) -> State:
    """Return the state of a file. Empty if there is no file."""
    try:
        status = os.stat(path)
    except OSError:
        return []
    # Includes the time of the inode's change, which no program can set.
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _read(cached: Path) -> dict[str, list[Any]]:
    """Read {path: [*state, depth, digest, extremes]}."""
    try:
        entries: dict[str, list[Any]] = json.loads(cached.read_bytes())
    except (OSError, ValueError):
        return {}
    return entries
