"""Find the files of a run by globs, such as the outputs that a `command` experiment declares."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from app.runs.names import is_addressable
from trainer.rundir import RunDir, is_there
from trainer.runfile import RunFile

MAX_ENTRIES = 20_000
"""A program may write a whole dataset into its folder. So a search visits this many entries, the upper ones first."""

MAX_CACHED = 1024

_Rests = frozenset[tuple[int, tuple[str, ...]]]
"""Indices of globs, each with the segments that are still to match."""


class Match(NamedTuple):
    """A regular file of a run. `glob` is the index of the first glob that it matches."""

    file: RunFile
    status: os.stat_result
    glob: int


def find_matches(run: RunDir, folder: Path, globs: Sequence[str], max_entries: int = MAX_ENTRIES) -> list[Match]:
    """Find the files below `folder` that match a glob, by the order of the globs, then by path.

    `*`, `?` and `[...]` match within a name, and `**` matches folders at any depth. As in a shell, they match no name
    that begins with a dot, and none that no address can hold. They follow no link to a folder. A path without them may,
    as far as RunFile follows it.
    """
    plain, rests = _parse(tuple(globs))
    found: dict[Path, int] = {}
    for glob, index in plain:
        if os.path.lexists(name := f"{folder}/{glob}"):
            found.setdefault(Path(name), index)
    for path, index in _walk(folder, rests, max_entries):
        found[path] = min(index, found.get(path, index))
    return list(_matches(run, sorted(found.items(), key=lambda item: (item[1], item[0]))))


def find_newest(folder: Path, glob: str) -> Path | None:
    """Find the file or folder that was written last among those that match, also a link. None if nothing matches."""
    written = []
    for path in _present(folder, glob):
        with suppress(OSError):  # It has been deleted meanwhile.
            written.append((path.stat().st_mtime_ns, path))
    return max(written)[1] if written else None


def has_match(folder: Path, glob: str) -> bool:
    """Whether a file or folder matches, also a link. Stops at the first one."""
    return any(True for _ in _present(folder, glob))


def _present(folder: Path, glob: str) -> Iterator[Path]:
    path = folder / PurePosixPath(glob)
    if not is_pattern(glob):
        return iter([path] if is_there(path) else [])
    return (path for path, _ in _walk(folder, _parse((glob,))[1], MAX_ENTRIES) if is_there(path))


def _matches(run: RunDir, found: Sequence[tuple[Path, int]]) -> Iterator[Match]:
    for path, index in found:
        file = run.file(path)
        with suppress(OSError):  # It is not a regular file of the run, or it is gone.
            yield Match(file, file.status(), index)


@lru_cache(MAX_CACHED)
def _parse(globs: tuple[str, ...]) -> tuple[list[tuple[str, int]], _Rests]:
    """Return the globs that are plain paths, with their indices, and the others."""
    paths = [(PurePosixPath(glob), index) for index, glob in enumerate(globs)]
    plain = [(str(path), index) for path, index in paths if not is_pattern(str(path))]
    return plain, frozenset((index, path.parts) for path, index in paths if is_pattern(str(path)))


def _walk(folder: Path, rests: _Rests, max_entries: int) -> Iterator[tuple[Path, int]]:
    """Yield the paths that match, with the index of the first glob. Enters only folders in which a glob may match."""
    folders, num_left = deque([(os.fspath(folder), rests)] if rests else []), max_entries
    while folders and num_left > 0:
        parent, rests = folders.popleft()
        with suppress(OSError), os.scandir(parent) as entries:
            for entry in islice(entries, num_left):
                num_left -= 1
                matched, deeper = _match(rests, entry.name)
                if matched is not None:
                    yield Path(entry.path), matched
                if deeper and entry.is_dir(follow_symlinks=False):
                    folders.append((entry.path, deeper))


@lru_cache(MAX_CACHED)
def _match(rests: _Rests, name: str) -> tuple[int | None, _Rests]:
    """Return the index of the first glob that a name completes, and what is left of the others inside of it.

    It is cached, because the folders of all runs have the same names.
    """
    if not is_addressable(name):
        return None, frozenset()
    left = {(index, parts) for index, rest in rests for parts in _after(rest, name)}
    matched = [index for index, parts in left if not parts]
    return min(matched, default=None), frozenset(rest for rest in left if rest[1])


def _after(segments: tuple[str, ...], name: str) -> Iterator[tuple[str, ...]]:
    """Yield what is left of a glob's segments after a name. Nothing is left once the whole glob matches."""
    first, rest = segments[0], segments[1:]
    is_hidden = name.startswith(".")
    if first == "**":
        if not is_hidden:
            yield segments
        yield from _after(rest or ("*",), name)
    elif fnmatchcase(name, first) and (not is_hidden or first.startswith(".")):
        yield rest


def is_pattern(glob: str) -> bool:
    """Whether a glob may match several files."""
    return any(character in glob for character in "*?[")
