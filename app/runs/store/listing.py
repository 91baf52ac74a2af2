"""The entries of the runs folder that are run directories, newest first."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path

from app.runs.exceptions import RunsUnreadable
from app.runs.filestate import Remembered, file_states
from app.runs.store.order import Order


class Listing:
    """The run ids, newest first. It reads the folder again only when the folder has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._order = Order()
        self._remembered: Remembered[Sequence[str]] | None = None

    def ids(self) -> Sequence[str]:
        """List the ids; an empty list if the folder does not exist yet. Raises RunsUnreadable."""
        if self._remembered is None or not self._remembered.is_current():
            try:
                self._remembered = self._read()
            except FileNotFoundError:
                return []
            except OSError as error:
                raise RunsUnreadable(str(self._folder), error) from error
        return self._remembered.value

    def last_sequence(self) -> int:
        """Return the largest sequence of all runs, 0 without any. Raises RunsUnreadable."""
        self.ids()
        return self._order.last

    def next_sequence(self) -> int:
        """Return the sequence for a new run: larger than that of any other run. Raises RunsUnreadable."""
        return max(time.time_ns() // 1000, self.last_sequence() + 1)

    def created_after(self, sequence: int) -> list[str]:
        """List the runs with a larger sequence, in that order. Raises RunsUnreadable."""
        self.ids()
        return self._order.after(sequence)

    def _read(self) -> Remembered[Sequence[str]]:
        """The list also depends on where links lead, and on run directories that have no run.json yet."""
        states = file_states([self._folder])
        with os.scandir(self._folder) as entries:
            named = [entry for entry in entries if not entry.name.startswith(".")]
        links = file_states(entry.path for entry in named if entry.is_symlink())
        ids = self._order.newest_first(entry for entry in named if _is_run_directory(entry))
        return Remembered(ids, {**states, **links, **self._order.undecided})


def is_run_directory(path: Path) -> bool:
    """Whether an entry of the runs folder is a directory, or a link to a directory outside of the runs folder.

    A link to a directory inside does not count, because its run would be listed twice. Raises RunsUnreadable if the
    folder cannot be read.
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
    try:
        target, folder = Path(os.path.realpath(link)), Path(os.path.realpath(link.parent))
    except OSError:  # The link cannot be followed, such as one to /proc/1/cwd.
        return False
    return os.path.isdir(target) and not (target.is_relative_to(folder) or folder.is_relative_to(target))
