"""The names of the run directories in order."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.runs.exceptions import RunsUnreadable
from app.runs.stamps import Stamp, are_settled, stamp_of

_STAMPED = re.compile(r"(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)(?:_(\d{1,9}))?", re.ASCII)


@dataclass(frozen=True)
class _Listed:
    """The ids as they were read from the folder in that state."""

    state: Stamp
    ids: Sequence[str]


class Listing:
    """The run ids, newest first. The folder is read again when it has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listed: _Listed | None = None

    def ids(self) -> Sequence[str]:
        """List them; empty where there is no folder yet. Raises RunsUnreadable."""
        try:
            state, listed = stamp_of(os.stat(self._folder)), self._listed
            if listed is None or listed.state != state:
                listed = _Listed(state, _sorted_ids(self._folder))
                self._listed = listed if are_settled([state]) else None
        except FileNotFoundError:
            return []
        except OSError as error:
            raise RunsUnreadable(str(self._folder), error) from error
        return listed.ids


def _sorted_ids(folder: Path) -> Sequence[str]:
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith(".")]
    return sorted(names, key=_age_key, reverse=True)


def _age_key(run_id: str) -> tuple[str, int, str]:
    """Sort `..._10` behind `..._9`: the second's stamp, then the number. What is called otherwise counts as oldest."""
    stamped = _STAMPED.fullmatch(run_id)
    return (stamped[1], int(stamped[2] or 1), run_id) if stamped else ("", 0, run_id)
