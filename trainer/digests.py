"""The digest of each image file's content. Files that did not change are not read again to tell it."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from trainer.imagefile import content_digest
from trainer.images import DataInvalid, Split, read_content
from trainer.threads import Tell, in_threads

SETTLED_NS = 2_000_000_000
"""A file touched more recently may change again within the same tick of its disk's clock: it is not remembered."""

State = list[int]
"""What changes with a file's content: size, times of change (ns), inode."""


def kept_in(folder: Path, split: Split) -> Path:
    """The file in `folder` that remembers the digests of a split's folder."""
    place = hashlib.blake2b(os.fsencode(split.path.resolve()), digest_size=16).hexdigest()
    return folder / f"{place}.digests"


def digests_of(split: Split, kept: Path, tell: Tell) -> list[bytes]:
    """Return the digest of each image of `split`, in its order; `kept` remembers them by path and state.

    Raises DataInvalid for a file that cannot be read. `kept` that is missing, damaged or cannot be written is no error.
    """
    known = _read(kept)
    names = [os.path.relpath(path, split.path) for path in split.paths]
    states = [_state(path) for path in split.paths]
    new = [i for i, (name, state) in enumerate(zip(names, states)) if known.get(name, [])[:-1] != state]
    settled_ns = time.time_ns() - SETTLED_NS
    hashed = in_threads(lambda i: content_digest(read_content(split.paths[new[i]])), len(new), tell)
    digests = {name: bytes.fromhex(entry[-1]) for name, entry in known.items()}
    digests |= {names[i]: digest for i, digest in zip(new, hashed)}
    unsettled = {i for i in new if max(states[i][1:3]) > settled_ns or _state(split.paths[i]) != states[i]}
    entries = {name: [*states[i], digests[name].hex()] for i, name in enumerate(names) if i not in unsettled}
    # A split that was made of a part of the folder shares the file with the rest.
    others = known.keys() - set(names)
    entries |= {name: known[name] for name in others if os.path.lexists(split.path / name)}
    with suppress(OSError):
        if entries != known:
            _write(kept, entries)
        os.utime(kept)  # used last: trainer.imagecache removes it last
    return [digests[name] for name in names]


def _state(path: Path) -> State:
    try:
        status = os.stat(path)
    except OSError as error:
        raise DataInvalid(f"image cannot be read: {path}: {error}") from error
    # The time of the inode's change too: whoever sets the other one back cannot set this one.
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _read(kept: Path) -> dict[str, list[Any]]:
    """Read {path: [*state, digest]}; the first line is a checksum of the rest."""
    try:
        checksum, _, content = kept.read_bytes().partition(b"\n")
    except OSError:
        return {}
    entries: dict[str, list[Any]] = json.loads(content) if checksum == _checksum(content) else {}
    return entries


def _write(kept: Path, entries: dict[str, list[Any]]) -> None:
    content = json.dumps(entries).encode()
    kept.parent.mkdir(parents=True, exist_ok=True)
    temporary = kept.with_suffix(f".{os.getpid()}.part")
    temporary.write_bytes(_checksum(content) + b"\n" + content)
    temporary.replace(kept)


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).hexdigest().encode()
