"""The order in which runs were created, whatever their ids and the clock say.

An id is a local time. When the clocks or the time zone change, a later run may have a smaller id. So each run.json has
a `sequence`: microseconds since 1970, or one more than the largest sequence so far if the clock was set back. Without a
`sequence` we place a run by its `created_at`, or else by its id. We place any other directory by the time in its name,
or else by its oldest file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from app.runs.filestate import FileStates, Remembered, file_states
from app.runs.store.filetimes import begin_and_end, name_key, named_time
from app.runs.times import parse_time
from trainer.rundir import RunDir


@dataclass(frozen=True)
class _Place:
    """The sequence of one directory. It depends on the directory's state until the directory has a run.json of ours."""

    inode: int
    sequence: Remembered[int]

    @property
    def is_decided(self) -> bool:
        return not self.sequence.states

    def is_of(self, entry: os.DirEntry[str]) -> bool:
        return self.inode == entry.inode() and self.sequence.is_current()


class Order:
    """Sort run directories. It reads each run.json once, because the sequence in it never changes."""

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}
        self.last = 0
        """The largest sequence of the runs sorted last, 0 without any."""

    def newest_first(self, entries: Iterable[os.DirEntry[str]]) -> list[str]:
        """Sort the names, and by id those with the same sequence. Forgets all other directories."""
        places: dict[str, _Place] = {}
        for entry in entries:
            with suppress(FileNotFoundError):  # It was deleted in the meantime.
                places[entry.name] = self._place(entry)
        self._places = places
        self.last = max((place.sequence.value for place in places.values() if place.is_decided), default=0)
        return sorted(places, key=lambda name: (places[name].sequence.value, name_key(name)), reverse=True)

    @property
    def undecided(self) -> FileStates:
        """The directories that get another place if one of our run.json comes, in the state in which they were read."""
        return {path: state for place in self._places.values() for path, state in place.sequence.states.items()}

    def after(self, sequence: int) -> list[str]:
        """List the runs with a larger sequence, in that order."""
        found = [
            (place.sequence.value, name_key(name), name) for name, place in self._places.items() if place.is_decided
        ]
        return [name for each, _, name in sorted(found) if each > sequence]

    def _place(self, entry: os.DirEntry[str]) -> _Place:
        known = self._places.get(entry.name)
        if known is not None and known.is_of(entry):
            return known
        run = RunDir(Path(entry.path))
        manifest = _manifest(run)
        if manifest is None:
            states = file_states([run.path])
            manifest = _manifest(run)  # Again: it may have come just before we took the state.
        if manifest is None:
            return _Place(entry.inode(), Remembered(_written(run.path), states))
        return _Place(entry.inode(), Remembered(_sequence(manifest, run.path), {}))


def _manifest(run: RunDir) -> dict[str, Any] | None:
    """Read run.json; None unless it is one of ours."""
    manifest = run.read_json(run.run)
    return manifest if manifest is not None and "request" in manifest else None


def _sequence(manifest: dict[str, Any], path: Path) -> int:
    match manifest.get("sequence"):
        case int() as sequence:
            return sequence
    created = parse_time(manifest.get("created_at")) or named_time(path.name)
    return _written(path) if created is None else _microseconds(created)


def _written(path: Path) -> int:
    written = begin_and_end(path)
    began = parse_time(written[0]) if written is not None else None
    return 0 if began is None else _microseconds(began)


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
