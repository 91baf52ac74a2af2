"""notes.json: what people write about a run. The service alone writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.runs.exceptions import NotesRefused
from app.runs.store.welltyped import NOTES, well_typed
from trainer.rundir import RunDir, write_json


def read_notes(run: RunDir) -> dict[str, Any]:
    """Return title and note, None without one, and the tags."""
    content = well_typed(run.read_json(run.notes) or {}, NOTES)
    return {"title": content.get("title"), "note": content.get("note"), "tags": content.get("tags") or []}


def change_notes(run: RunDir, changes: Mapping[str, Any]) -> None:
    """Replace the given ones of title, note and tags. Raises NotesRefused."""
    try:
        write_json(run.notes, read_notes(run) | dict(changes))
    except OSError as error:
        raise NotesRefused(run.run_id, error.strerror or str(error)) from error
