"""The order in which the runs were created, whatever their ids and the clock say.

An id is a local time: of two runs the later one may have the smaller id, where the clocks changed or another time zone
was set. So a run.json has a `sequence`: the time in microseconds since 1970, or one more than any run before it where
the clock was set back. A run.json without one is placed by its `created_at`, or else its id; another directory by its
oldest file.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from app.runs.store.filetimes import first_and_last_written
from trainer.rundir import RunDir, read_json

LAUNCH_TAKES_AT_MOST_NS = 60 * 10**9
"""So long after its last change a directory may still get its run.json."""

_STAMPED = re.compile(r"(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)(?:_(\d{1,9}))?", re.ASCII)


@dataclass(frozen=True)
class _Place:
    """Where a directory stands. `changed_ns` is its own time, for one that has no run.json of ours yet."""

    inode: int
    changed_ns: int | None
    sequence: int

    def is_of(self, entry: os.DirEntry[str]) -> bool:
        if self.inode != entry.inode():
            return False
        return self.changed_ns is None or self.changed_ns == entry.stat(follow_symlinks=False).st_mtime_ns

    @property
    def is_final(self) -> bool:
        return self.changed_ns is None or self.changed_ns < time.time_ns() - LAUNCH_TAKES_AT_MOST_NS


class Order:
    """Sort run directories. What a run.json says of its place never changes, so it is read once."""

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}

    def newest_first(self, entries: Iterable[os.DirEntry[str]]) -> list[str]:
        """Sort the names; runs with the same place by their ids. Forgets every other directory."""
        places: dict[str, _Place] = {}
        for entry in entries:
            with suppress(FileNotFoundError):  # It was deleted meanwhile.
                places[entry.name] = self._place(entry)
        self._places = places
        return sorted(places, key=lambda name: (places[name].sequence, _key(name)), reverse=True)

    @property
    def is_final(self) -> bool:
        """Whether no directory can get another place while the folder that they are in is the same."""
        return all(place.is_final for place in self._places.values())

    def next(self) -> int:
        """The sequence for a new run: larger than that of each run sorted last."""
        last = max((place.sequence for place in self._places.values() if place.changed_ns is None), default=0)
        return max(time.time_ns() // 1000, last + 1)

    def _place(self, entry: os.DirEntry[str]) -> _Place:
        known = self._places.get(entry.name)
        if known is not None and known.is_of(entry):
            return known
        run, changed_ns = RunDir(Path(entry.path)), None
        manifest = _manifest(run)
        if manifest is None:
            changed_ns = entry.stat(follow_symlinks=False).st_mtime_ns
            manifest = _manifest(run)  # Again, as it may have come just before that time was read.
        if manifest is None:
            return _Place(entry.inode(), changed_ns, _written(run.path))
        return _Place(entry.inode(), None, _sequence(manifest, run.path))


def _manifest(run: RunDir) -> dict[str, Any] | None:
    """run.json, if it is one of ours."""
    manifest = read_json(run.run)
    return manifest if manifest is not None and "request" in manifest else None


def _sequence(manifest: dict[str, Any], path: Path) -> int:
    match manifest.get("sequence"):
        case int() as sequence:
            return sequence
    created = _microseconds(manifest.get("created_at")) or _named(path.name)
    return created if created is not None else _written(path)


def _named(run_id: str) -> int | None:
    """The local time that an id names."""
    stamped = _STAMPED.fullmatch(run_id)
    try:
        return int(datetime.strptime(stamped[1], "%Y-%m-%d_%H-%M-%S").timestamp() * 1_000_000) if stamped else None
    except (ValueError, OverflowError):
        return None


def _written(path: Path) -> int:
    written = first_and_last_written(path)
    return (_microseconds(written[0]) if written else None) or 0


def _microseconds(text: object) -> int | None:
    """Of an ISO 8601 time, without a zone UTC; None for anything else."""
    try:
        moment = datetime.fromisoformat(text)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp() * 1_000_000)


def _key(run_id: str) -> tuple[str, int, str]:
    """Sort `..._10` behind `..._9`: the second's stamp, then the number."""
    stamped = _STAMPED.fullmatch(run_id)
    return (stamped[1], int(stamped[2] or 1), run_id) if stamped else ("", 0, run_id)
