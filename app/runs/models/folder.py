"""Find the models of runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from app.runs.exceptions import FileNotInRun
from app.runs.models.declared import declared_models
from app.runs.models.model import Download, Model
from app.runs.models.parts import PartsReader
from app.runs.models.verified import verified_models
from app.runs.store.run import Run
from app.runs.store.store import RunStore

MAX_NAMED = 20


class ModelFolder:
    """The models of all runs."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._parts = PartsReader()

    def list(self, offset: int = 0, limit: int | None = None, only_onnx: bool = False) -> Iterator[Model]:
        """Yield the models, newest run first. Stop searching after `limit` models.

        `only_onnx`: only complete ONNX files.
        """
        end = None if limit is None else offset + limit
        models = (model for run in self._store.list() for model in self.of(run))
        return islice((model for model in models if model.is_usable_onnx or not only_onnx), offset, end)

    def of(self, run: Run) -> Sequence[Model]:
        """Return the models of a run. The first one is the default."""
        folder = _searched(run)
        return verified_models(run) if folder is None else declared_models(run, folder, self._parts)

    def download(self, run_id: str, file: str | None, variant: str | None) -> Download:
        """Return what to send for a model, or for a variant of it. `file` is its path inside the run.

        Raises RunNotFound, FileNotInRun and ModelIncomplete.
        """
        return self.find(run_id, file).download(variant, keeps_name=file is not None)

    def find(self, run_id: str, file: str | None) -> Model:
        """Return a model of a run: the first one, or the one with the path `file`. Raises RunNotFound, FileNotInRun."""
        run = self._store.find(run_id)
        models = self.of(run)
        if not models:
            raise FileNotInRun(f"Run {run_id} is {run.state} and has no model{_why(run)}.")
        model = models[0] if file is None else next((each for each in models if each.path == file), None)
        if model is None:
            more = f" and {len(models) - MAX_NAMED} more" if len(models) > MAX_NAMED else ""
            available = ", ".join(each.path for each in models[:MAX_NAMED])
            raise FileNotInRun(f"Run {run_id} has no model {file!r}. Available: {available}{more}.")
        return model


def _searched(run: Run) -> Path | None:
    """Return the folder whose files may be models; None for a run of our own trainer, which writes a card."""
    directory = run.directory
    if not run.is_ours:
        return directory.path
    return directory.output if directory.program_dir == directory.output else None


def _why(run: Run) -> str:
    if _searched(run) is None:
        return ""
    return f": no file matches {', '.join(run.outputs.models.files) or 'models.files, which is empty'}"
