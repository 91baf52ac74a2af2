"""The names of the run directories, newest first."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.runs.exceptions import RunsUnreadable
from app.runs.order import Order
from app.runs.stamps import Stamp, are_settled, stamp_of


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
        self._listed: _Listed | None = None

    def ids(self) -> Sequence[str]:
        """List them; empty where there is no folder yet. Raises RunsUnreadable."""
        try:
            state, listed = stamp_of(os.stat(self._folder)), self._listed
            if listed is None or listed.state != state:
                listed = _Listed(state, self._read())
                self._listed = listed if are_settled([state]) and self._order.is_final else None
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
            found = [e for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith(".")]
        return self._order.newest_first(found)
