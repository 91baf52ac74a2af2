"""notes.json: what people write about a run. The service alone writes it.

`noted.json` beside the runs folder names the runs whose notes changed last. So a server process learns of what another
one wrote by looking at one file, however many runs there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from app.runs.exceptions import NotesChanged, RunNotFound
from app.runs.filelock import locked
from app.runs.filestate import Remembered, file_states
from app.runs.store.welltyped import NOTES, well_typed
from trainer.rundir import RunDir, load_json, read_json, write_json

NO_NOTES: Mapping[str, Any] = {"title": None, "note": None, "tags": []}
NOTHING_EXPECTED: Mapping[str, Any] = {}
NOTED = "noted.json"
LOCK = "notes.lock"
MAX_NOTED = 100
"""Up to this many changes between two reads are noticed."""


def read_notes(run: RunDir) -> dict[str, Any]:
    """Return title and note, None without one, and the tags."""
    return _complete(run.read_json(run.notes))


def _complete(content: Mapping[str, Any] | None) -> dict[str, Any]:
    content = well_typed(content or {}, NOTES)
    return {name: content.get(name) or none for name, none in NO_NOTES.items()}


def change_notes(
    run: RunDir, changes: Mapping[str, Any], folder: Path, expected: Mapping[str, Any] = NOTHING_EXPECTED
) -> None:
    """Replace the given ones of title, note and tags, if the present ones are as `expected`.

    Raises NotesChanged, RunNotFound and OSError. `folder` is the parent of the runs folder. Server processes take
    turns, so no change is lost.
    """
    try:
        with locked(folder / LOCK):
            notes = _complete(load_json(run.notes))
            if changed := {name: notes[name] for name, value in expected.items() if notes[name] != value}:
                raise NotesChanged(run.run_id, changed)
            write_json(run.notes, notes | dict(changes))
            with suppress(OSError):  # The disk is full now. Others see the notes when they read the run again.
                _note(folder / NOTED, run.run_id)
    except FileNotFoundError as error:  # It was deleted at this moment.
        raise RunNotFound(run.run_id) from error


class Noted:
    """The changes of notes, by any server process, since this object was created."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the parent of the runs folder."""
        self._path = folder / NOTED
        self._known = Remembered(_read(self._path), {})

    def read(self) -> list[str]:
        """Return the ids of the runs whose notes changed since the last call. Reads one file."""
        if self._known.states and self._known.is_current():
            return []
        before, states = self._known.value, file_states([self._path])
        self._known = Remembered(_read(self._path), states)
        return list(dict.fromkeys(run_id for change, run_id in self._known.value.items() if change not in before))


def _note(path: Path, run_id: str) -> None:
    changes = [*_read(path).items(), (uuid4().hex, run_id)]
    write_json(path, dict(changes[-MAX_NOTED:]))


def _read(path: Path) -> dict[str, str]:
    """Return the runs by the id of a change, oldest change first. Empty without the file."""
    return {change: run_id for change, run_id in (read_json(path) or {}).items() if isinstance(run_id, str)}
