"""Which entries of the runs folder are run directories, and their names, newest first."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.runs.exceptions import RunsUnreadable
from app.runs.filestate import Stamp, are_settled, stamp_of
from app.runs.store.order import Order


@dataclass(frozen=True)
class _Listed:
    """The ids as they were read from the folder in that state."""

    state: Stamp
    ids: Sequence[str]


class Listing:
    """The run ids, newest first. The folder is read again when it has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._order = Order()
        self._has_links = False
        """Whether there are links in the folder. What they lead to comes and goes without a change of the folder."""
        self._listed: _Listed | None = None

    def ids(self) -> Sequence[str]:
        """List them; empty where there is no folder yet. Raises RunsUnreadable."""
        try:
            state, listed = stamp_of(os.stat(self._folder)), self._listed
            if listed is None or listed.state != state:
                listed = _Listed(state, self._read())
                is_kept = are_settled([state]) and self._order.is_final and not self._has_links
                self._listed = listed if is_kept else None
        except FileNotFoundError:
            return []
        except OSError as error:
            raise RunsUnreadable(str(self._folder), error) from error
        return listed.ids

    def next_sequence(self) -> int:
        """The place of a run that is created now: behind all others. Raises RunsUnreadable."""
        self.ids()
        return self._order.next()

    def _read(self) -> Sequence[str]:
        with os.scandir(self._folder) as entries:
            named = [each for each in entries if not each.name.startswith(".")]
        self._has_links = any(each.is_symlink() for each in named)
        return self._order.newest_first(each for each in named if _is_run_directory(each))


def is_run_directory(path: Path) -> bool:
    """Whether an entry of the runs folder is a directory, or a link to one outside of that folder.

    A link to a directory inside of it is no run: that run would be there twice. Raises RunsUnreadable where the folder
    cannot be read.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    except OSError as error:
        raise RunsUnreadable(str(path.parent), error) from error
    return stat.S_ISDIR(mode) or (stat.S_ISLNK(mode) and _leads_to_run(path))


def _is_run_directory(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and _leads_to_run(Path(entry.path)))


def _leads_to_run(link: Path) -> bool:
    target, folder = Path(os.path.realpath(link)), Path(os.path.realpath(link.parent))
    return os.path.isdir(target) and not (target.is_relative_to(folder) or folder.is_relative_to(target))
