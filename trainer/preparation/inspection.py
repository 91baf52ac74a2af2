"""Every image file of a split inspected once: files that did not change are not read again."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from trainer.dataset.imagefile import Depth, Look, look
from trainer.dataset.threads import Tell, in_threads
from trainer.dataset.valuerange import Extremes
from trainer.preparation.images import Split

SETTLED_NS = 2_000_000_000
"""A file touched more recently may change again within the same tick of its disk's clock: it is not remembered."""

State = list[int]
"""What changes with a file's content: size, times of change (ns), inode."""


def inspect(split: Split, folder: Path, depth: Depth, tell: Tell) -> list[Look]:
    """Look at each image of `split`, in its order, at least as deeply as `depth` says.

    A file in `folder`, one for each place of images, remembers what was seen by path and state. If that file is
    missing, damaged or cannot be written, the images are looked at again. Remembered looks have no size and mode.
    """
    kept = folder / f"{hashlib.blake2b(os.fsencode(split.path.resolve()), digest_size=16).hexdigest()}.inspected"
    known = _read(kept)
    names = [os.path.relpath(path, split.path) for path in split.paths]
    states = [_state(path) for path in split.paths]
    entries = {name: known[name] for name, state in zip(names, states) if _holds(known.get(name), state, depth)}
    new = [index for index, name in enumerate(names) if name not in entries]
    settled_ns = time.time_ns() - SETTLED_NS
    seen = dict(zip(new, in_threads(lambda i: look(split.paths[new[i]], depth), len(new), tell)))
    looks = [seen[index] if index in seen else _look_of(entries[name]) for index, name in enumerate(names)]
    for index, each in seen.items():
        state = states[index]
        # What another Pillow may be able to read is not remembered as a problem.
        if state and each.problem is None and max(state[1:3]) <= settled_ns and _state(split.paths[index]) == state:
            entries[names[index]] = [*state, depth, each.digest.hex(), each.extremes]
    # A split that was made of a part of the folder shares the file with the rest.
    others = known.keys() - set(names)
    entries |= {name: known[name] for name in others if os.path.lexists(split.path / name)}
    with suppress(OSError):
        if entries != known:
            _write(kept, entries)
        os.utime(kept)  # used last: trainer.preparation.cache removes it last
    return looks


def _holds(entry: list[Any] | None, state: State, depth: Depth) -> bool:
    return entry is not None and entry[:4] == state and bool(entry[4] >= depth)


def _look_of(entry: list[Any]) -> Look:
    digest, extremes = entry[5:]
    deep = None if extremes is None else Extremes(*extremes)
    return Look(bytes.fromhex(digest), is_deep=deep is not None, extremes=deep)


def _state(path: Path) -> State:
    """Empty for a file that is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return []
    # The time of the inode's change too: whoever sets the other one back cannot set this one.
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _read(kept: Path) -> dict[str, list[Any]]:
    """Read {path: [*state, depth, digest, extremes]}; the first line is a checksum of the rest."""
    try:
        checksum, _, content = kept.read_bytes().partition(b"\n")
    except OSError:
        return {}
    entries: dict[str, list[Any]] = json.loads(content) if checksum == _checksum(content) else {}
    return entries


def _write(kept: Path, entries: dict[str, list[Any]]) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps(entries).encode()
    temporary = kept.with_suffix(f".{os.getpid()}.part")  # two trainings may begin at once
    temporary.write_bytes(_checksum(content) + b"\n" + content)
    temporary.replace(kept)


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).hexdigest().encode()
