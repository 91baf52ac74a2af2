"""One run, as described by its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from app.runs.store.filetimes import begin_and_end
from app.runs.store.notes import NO_NOTES, read_notes
from app.runs.store.outputs import Outputs
from app.runs.store.resume import needed_to_resume
from app.runs.store.states import ACTIVE, QUEUED, UNKNOWN
from app.runs.store.welltyped import ORIGIN, PROGRESS, REQUEST, well_typed
from trainer.dataset.splits import SPLITS
from trainer.experiment import strict_yaml
from trainer.experiment.strict_yaml import YamlInvalid
from trainer.manifest import dataset_name, is_of_our_trainer
from trainer.rundir import RunDir

MAX_TEXT_CHARS = 4096


@dataclass(frozen=True)
class Run:
    """One run as its files describe it at the moment of reading."""

    directory: RunDir
    state: str
    reason: str | None
    record: dict[str, Any] = field(repr=False)
    """The content of state.json; empty without one."""

    @property
    def run_id(self) -> str:
        return self.directory.run_id

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE

    @property
    def is_over(self) -> bool:
        """Whether nothing will change the run any more. False while it is queued or active."""
        return not self.is_active and self.state != QUEUED

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The content of run.json; empty without one of ours."""
        manifest = self.directory.read_json(self.directory.run) or {}
        return manifest if "request" in manifest else {}

    @cached_property
    def config(self) -> dict[str, Any]:
        """The run's copy of its experiment. Empty if it is missing or corrupt."""
        try:
            content = strict_yaml.read(self.directory.file(self.directory.config))
        except YamlInvalid:
            return {}
        return content if isinstance(content, dict) else {}

    @property
    def is_ours(self) -> bool:
        """Whether this service made the directory. Then its files are what their names say."""
        return self.state != UNKNOWN or bool(self.manifest)

    @cached_property
    def outputs(self) -> Outputs:
        """What the experiment of a `command` declares. Nothing for any other run."""
        return Outputs.of(self.manifest)

    @cached_property
    def notes(self) -> Mapping[str, Any]:
        """Title, note and tags."""
        return read_notes(self.directory) if self.is_ours else NO_NOTES

    @property
    def title(self) -> str | None:
        return _text(self.notes["title"])

    @property
    def needed_to_resume(self) -> tuple[str, ...] | None:
        """Paths and globs of what another run needs to resume from this one. None: that is impossible."""
        return needed_to_resume(self.manifest) if self.is_ours else None

    @property
    def parameters(self) -> dict[str, Any] | None:
        """The values of the parameters of a `command`, by name. None for our own training program."""
        parameters = self.manifest.get("parameters")
        return parameters if isinstance(parameters, dict) else None

    @cached_property
    def request(self) -> dict[str, Any]:
        request = self.manifest.get("request")
        return well_typed(request, REQUEST) if isinstance(request, dict) else {}

    @property
    def config_name(self) -> str | None:
        return _text(self.request.get("config_name"))

    @property
    def model_name(self) -> str | None:
        return _text(self.request.get("model_name"))

    @cached_property
    def dataset(self) -> str | None:
        """The name of the dataset that the run's images come from. None without images."""
        folders = (_text(self.request.get(f"{split}_data_dir")) for split in SPLITS)
        return dataset_name(_text(self.request.get("dataset")), folders)

    @property
    def created_at(self) -> str | None:
        """UTC, ISO 8601. Without a run.json of ours: the time in its name, or when the oldest file was written."""
        return _text(self.manifest.get("created_at")) or (self._written[0] if self._written else None)

    @property
    def started_at(self) -> str | None:
        return _text(self.record.get("started_at"))

    @property
    def ended_at(self) -> str | None:
        """UTC, ISO 8601. If the directory is not ours: when the newest file was written."""
        if not self.is_ours:
            return self._written[1] if self._written else None
        return _text(self.record.get("ended_at"))

    @cached_property
    def _written(self) -> tuple[str, str] | None:
        return begin_and_end(self.directory.path)

    @property
    def pid(self) -> int | None:
        """The training program's pid while the run is active."""
        pid = self.record.get("pid")
        return pid if self.is_active and isinstance(pid, int) else None

    @property
    def gpus(self) -> list[str] | None:
        """The GPUs that the program sees, by UUID or index. None: whichever there are."""
        gpus = self.record.get("gpus")
        return list(map(str, gpus)) if isinstance(gpus, list) else None

    @cached_property
    def progress(self) -> dict[str, Any] | None:
        """The content of progress.json, which the program of a `command` may write too."""
        if not self.is_ours:
            return None
        content = self.directory.read_json(self.directory.find_progress())
        return None if content is None else well_typed(content, PROGRESS)

    @property
    def origin(self) -> dict[str, Any] | None:
        """The command line, and what was known of its origin at the start. None without a run.json of ours."""
        program, origin = self.manifest.get("program"), self.manifest.get("origin")
        if not isinstance(program, dict):
            return None
        known = origin if isinstance(origin, dict) else {}
        content = dict.fromkeys(ORIGIN) | known | {name: program.get(name) for name in ("argv", "cwd")}
        return well_typed(content, ORIGIN)

    @property
    def is_of_our_trainer(self) -> bool:
        return is_of_our_trainer(self.manifest)

    @property
    def on_stop(self) -> dict[str, Any] | None:
        """What a stop does, as fixed at the start: the signal, the seconds until the kill, and what the program does.

        `saves` and `exports` are True for our own training program: it keeps its last checkpoint and exports its best
        model. They are None for a `command`, because only its program knows. None instead of a dictionary: run.json
        does not say what a stop does.
        """
        match self.manifest.get("program"):
            case {"stop": {"signal": str(signal), "grace_s": int() | float() as grace_s}}:
                is_ours = self.is_of_our_trainer or None
                return {"signal": signal, "grace_s": grace_s, "saves": is_ours, "exports": is_ours}
        return None

    def snapshot(self) -> dict[str, Any]:
        """Describe the run to its followers: the payload of the event `run`."""
        return {
            "run_id": self.run_id,
            **self.notes,
            "state": self.state,
            "reason": self.reason,
            "pid": self.pid,
            "node": _text(self.record.get("host")),
            "gpus": self.gpus,
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
    return value if isinstance(value, str) and len(value) <= MAX_TEXT_CHARS else None
