"""Open a file of a run only if it is a regular file of that run. Standard library only.

The program of a run may put anything into the run's directory: a link to a secret, a pipe without a writer, a device, a
sparse file of a terabyte. So every reader of a run's files opens them here: folder by folder without following links
(O_NOFOLLOW, openat), without waiting (O_NONBLOCK), and only regular files. So a file cannot be exchanged between the
check and the opening. A link on the way is resolved first. If it leads into the same run, or below a folder of the
setting `link_roots`, the resolved path is opened in the same strict way.

We tried to distinguish an operator's links from a program's without a setting. Both belong to the same user, and a
link's time does not survive a copy of the runs folder. Entries of the runs folder need no setting, because a run's
program has no business there. An entry that links to another run of the same folder is ignored, or that run would be
listed twice.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BufferedReader
from pathlib import Path
from typing import Any

MAX_JSON_BYTES = 8 * 1024 * 1024
MAX_JSON_VALUES = 200_000
"""No other thread runs while Python parses JSON. This many values take about 50 ms. A report on the 21,841 classes of
ImageNet has 5 MB and 190,000 values. Our other files have some kilobytes.
"""

SMALL_BYTES = 32 * 1024
"""Nearly all JSON files are smaller. Python allocates as much as it may read, which takes longer than to read them."""

_INSPECT = getattr(os, "O_PATH", 0)
"""On Linux, get a descriptor without opening the file. This needs no read permission and starts no device."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | _INSPECT
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class NotInRun(OSError):
    """The path does not lead to a regular file of the run."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(errno.EINVAL, problem, str(path))


@dataclass(frozen=True)
class RunFile:
    """A path in the directory of a run. The file need not exist.

    Follows a link inside of the directory if it leads into the same directory or below one of `link_roots`. The path
    of the directory itself may contain links.
    """

    path: Path
    directory: Path
    link_roots: tuple[Path, ...] = ()

    def __str__(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        return self.path.name

    @classmethod
    def alone(cls, path: Path) -> RunFile:
        """Return a file in a trusted folder. Only the file itself must not be a link out of the folder."""
        return cls(path, path.parent)

    def open(self) -> BufferedReader:
        """Open the file for reading without blocking. Raises OSError, such as NotInRun."""
        return open(self._descriptor(_FILE), "rb")  # Eventlet replaces os.fdopen by one that is much slower.

    def status(self) -> os.stat_result:
        """Stat the file, which needs no permission to read it. Raises OSError as `open` does."""
        descriptor = self._descriptor(_FILE | _INSPECT)
        try:
            return os.fstat(descriptor)
        finally:
            os.close(descriptor)

    def exists(self) -> bool:
        """Whether the path leads to a regular file of the run, readable or not."""
        try:
            self.status()
        except OSError:
            return False
        return True

    def read_json(self, max_bytes: int = MAX_JSON_BYTES) -> dict[str, Any] | None:
        """Read a JSON object. None if the file is missing, unreadable, too long, or not a JSON object.

        NaN and infinities are not valid JSON and become null.
        """
        try:
            return self.load_json(max_bytes)
        except OSError:
            return None

    def load_json(self, max_bytes: int = MAX_JSON_BYTES) -> dict[str, Any] | None:
        """As `read_json`, but raise OSError if the disk or the permissions prevent reading the file.

        For callers that replace the file, so that they destroy nothing that they could not read.
        """
        try:
            with self.open() as file:
                return parse_json(file, max_bytes)
        except (FileNotFoundError, NotInRun):
            return None

    def _descriptor(self, flags: int) -> int:
        try:
            return _open_below(self.directory, self._names, flags)
        except ValueError as error:
            raise NotInRun(self.path, "a file of a run cannot have that path") from error
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                raise
        # The path contains a link, which a program may replace. Open what it resolves to without following links.
        return _open_below(*self._resolved(), flags)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        names, above = self.path.parts, self.directory.parts  # Path.relative_to is ten times as slow.
        if names[: len(above)] != above:
            raise ValueError
        return names[len(above) :]

    def _resolved(self) -> tuple[Path, tuple[str, ...]]:
        """Return the allowed folder that contains the resolved path, and the names that lead from it to that path."""
        path = Path(os.path.realpath(self.path, strict=True))
        for root in map(os.path.realpath, (self.directory, *self.link_roots)):
            if path == Path(root):
                raise NotInRun(self.path, "it is not a regular file")
            if path.is_relative_to(root):
                return Path(root), path.relative_to(root).parts
        raise NotInRun(self.path, "it is a link that leads out of the run")


def parse_json(file: BufferedReader, max_bytes: int) -> dict[str, Any] | None:
    """Parse an open file as RunFile.read_json does. Raises OSError."""
    if os.fstat(file.fileno()).st_size > max_bytes:  # It may be a sparse file of a terabyte.
        return None
    content = file.read(SMALL_BYTES)
    if len(content) == SMALL_BYTES:
        content += file.read(max_bytes)
    if len(content) > max_bytes or sum(map(content.count, b",[{")) > MAX_JSON_VALUES:
        return None
    try:
        decoded = _JSON.decode(content.decode(json.detect_encoding(content)))
    except (ValueError, RecursionError):
        return None
    return decoded if isinstance(decoded, dict) else None


def _open_below(root: Path, names: Sequence[str], flags: int) -> int:
    """Open a regular file below a folder without following links below that folder.

    Raises ValueError for a path outside of the folder, and OSError with ELOOP or ENOTDIR for a link.
    """
    if not names or ".." in names:
        raise ValueError
    if len(names) == 1:
        return _refuse_others(os.open(f"{root}/{names[0]}", flags), root, names)
    folder = os.open(root, _FOLDER)
    try:
        for name in names[:-1]:
            outer, folder = folder, os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            os.close(outer)
        return _refuse_others(os.open(names[-1], flags, dir_fd=folder), root, names)
    finally:
        os.close(folder)


def _refuse_others(descriptor: int, root: Path, names: Sequence[str]) -> int:
    """Return the descriptor of a regular file. Else close it and raise OSError, with ELOOP for a link."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    raise NotInRun(root.joinpath(*names), "it is not a regular file")


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


_JSON = json.JSONDecoder(parse_constant=lambda _: None, parse_float=_finite)
