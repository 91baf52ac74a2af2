"""One run: everything that its files tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from app.runs.store.filetimes import first_and_last_written
from app.runs.store.states import ACTIVE, UNKNOWN
from app.runs.store.welltyped import PROGRESS, well_typed
from trainer.rundir import RunDir

MAX_PROGRESS_BYTES = 64 * 1024
"""It is read many times a second, and any program may have written it."""


@dataclass(frozen=True)
class Run:
    """One run as its files tell it at the moment of reading."""

    directory: RunDir
    state: str
    reason: str | None
    record: dict[str, Any] = field(repr=False)
    """state.json, empty where there is none."""

    @property
    def run_id(self) -> str:
        return self.directory.run_id

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE

    @cached_property
    def birth(self) -> dict[str, Any]:
        """run.json, empty where there is none of ours."""
        birth = self.directory.read_json(self.directory.run) or {}
        return birth if "request" in birth else {}

    @property
    def is_ours(self) -> bool:
        """Whether this service made the directory, so that its files are what their names say."""
        return self.state != UNKNOWN or bool(self.birth)

    @property
    def request(self) -> dict[str, Any]:
        request = self.birth.get("request")
        return request if isinstance(request, dict) else {}

    @property
    def config_name(self) -> str | None:
        return _text(self.request.get("config_name"))

    @property
    def model_name(self) -> str | None:
        return _text(self.request.get("model_name"))

    @property
    def dataset(self) -> str | None:
        """The dataset's name, or the name of the folder that holds the images' folder. None without images."""
        folders = (_text(self.request.get(f"{split}_data_dir")) for split in ("train", "val", "test"))
        folder = next(filter(None, folders), None)
        return _text(self.request.get("dataset")) or (Path(folder).parent.name or None if folder else None)

    @property
    def created_at(self) -> str | None:
        """UTC, ISO 8601. Without our run.json: when the oldest of the files was written."""
        return _text(self.birth.get("created_at")) or (self._written[0] if self._written else None)

    @property
    def started_at(self) -> str | None:
        return _text(self.record.get("started_at"))

    @property
    def ended_at(self) -> str | None:
        """UTC, ISO 8601. For a directory that is not ours: when the newest of its files was written."""
        if not self.is_ours:
            return self._written[1] if self._written else None
        return _text(self.record.get("ended_at"))

    @cached_property
    def _written(self) -> tuple[str, str] | None:
        return first_and_last_written(self.directory.path)

    @property
    def pid(self) -> int | None:
        """The training program's pid while the run is active."""
        pid = self.record.get("pid")
        return pid if self.is_active and isinstance(pid, int) else None

    @cached_property
    def progress(self) -> dict[str, Any] | None:
        """What progress.json says, which a `command` may write too."""
        if not self.is_ours:
            return None
        told = self.directory.read_json(self.directory.find_progress(), MAX_PROGRESS_BYTES)
        return None if told is None else well_typed(told, PROGRESS)

    @property
    def on_stop(self) -> dict[str, Any] | None:
        """What a stop does, as fixed at the start: the signal, the seconds until the kill, and what the program does.

        `saves` and `exports` are true for our own training program, which keeps its last checkpoint and exports its
        best model, and None for a `command`, whose program alone knows. None as a whole for a run that states nothing.
        """
        match self.birth.get("program"):
            case {"needs_result": needs_result, "stop": {"signal": str(signal), "grace_s": int() | float() as grace_s}}:
                is_ours = needs_result is True or None
                return {"signal": signal, "grace_s": grace_s, "saves": is_ours, "exports": is_ours}
        return None

    def snapshot(self) -> dict[str, Any]:
        """Describe the run for people who follow it: the payload of the event `run`."""
        return {
            "run_id": self.run_id,
            "state": self.state,
            "reason": self.reason,
            "pid": self.pid,
            "config_name": self.config_name,
            "model_name": self.model_name,
            "request": self.request,
            "created_at": self.created_at,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "exit_code": exit_code if isinstance(exit_code := self.record.get("exit_code"), int) else None,
            "signal": _text(self.record.get("signal")),
            "on_stop": self.on_stop,
        }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
