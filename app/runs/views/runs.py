"""What REST tells of runs, composed from the store: plain dictionaries with the contract's names."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timezone
from itertools import chain
from typing import Any, NamedTuple

from app.runs.exceptions import FileNotInRun, NoRuns, ReportUnreadable
from app.runs.log.search import LogMatches, search_log
from app.runs.log.tail import first_line, read_log
from app.runs.metrics.table import Table
from app.runs.metrics.tables import Tables, read
from app.runs.store.run import Run
from app.runs.store.store import RunStore
from app.runs.views.artifacts import list_artifacts
from trainer.experiment import strict_yaml
from trainer.experiment.strict_yaml import YamlInvalid
from trainer.rundir import RunDir
from trainer.runfile import RunFile
from trainer.runner.verdict import COMPLETED


class MetricsFile(NamedTuple):
    """Where the metrics of a run lie. `is_final`: the run is over, so nobody writes any more."""

    file: RunFile
    is_final: bool


class RunViews:
    """Answers about runs. Raises RunNotFound for one that is not there."""

    def __init__(self, store: RunStore, tables: Tables) -> None:
        self._store = store
        self._tables = tables

    def latest_run_id(self) -> str:
        """The run started last. Raises NoRuns."""
        ids = self._store.ids()
        if not ids:
            raise NoRuns
        return ids[0]

    def describe(self, run_id: str) -> dict[str, Any]:
        """Everything known of a run."""
        run = self._store.find(run_id)
        return run.snapshot() | {
            "progress": run.progress,
            "silent_s": _silent_s(run.directory) if run.is_active else None,
            "config": _read_yaml(run.directory) if run.is_ours else None,
            "preflight": run.directory.read_json(run.directory.preflight) if run.is_ours else None,
            "stop": run.directory.read_json(run.directory.stop) if run.is_ours else None,
            "model": run.directory.read_json(run.directory.card) if run.is_ours else None,
            "artifacts": self._artifacts(run),
        }

    def artifacts(self, run_id: str) -> list[dict[str, Any]]:
        return self._artifacts(self._store.find(run_id))

    def log(self, run_id: str, offset: int, limit: int, from_line: bool) -> dict[str, Any]:
        """A piece of the log; a character at its end that is not whole yet is left for later while the run goes on.

        `from_line`: it begins at the first line that begins in it; so it is shorter, and ends where it would anyway.
        """
        run = self._store.find(run_id)
        file, is_final = run.directory.file(run.directory.log), not run.is_active
        chunk = read_log(file, offset, limit, is_final)
        if from_line and chunk.text:
            start, end = first_line(file, chunk.offset, chunk.next_offset), chunk.next_offset
            chunk = read_log(file, start, end - start, is_final)
        return {"run_id": run_id, **vars(chunk)}

    def search_log(self, run_id: str, text: str, offset: int, limit: int) -> dict[str, Any]:
        """Where in a stretch of the log lines hold a text."""
        run = self._store.find(run_id).directory
        found: LogMatches = search_log(run.file(run.log), text, offset, limit)
        return {"run_id": run_id, **vars(found)}

    def metrics_file(self, run_id: str) -> MetricsFile:
        """Raises FileNotInRun when the run has none yet."""
        run = self._store.find(run_id)
        file = run.directory.find_metrics()
        if file is None:
            raise FileNotInRun(f"Run {run_id} has no metrics file (it is {run.state}).")
        return MetricsFile(file, is_final=not run.is_active)

    def read(self, file: MetricsFile, compute: Callable[[Table], Iterator[bytes]]) -> Iterator[bytes]:
        """What `compute` tells of a metrics file, in pieces.

        Raises MetricsUnreadable, and once pieces have been taken Rewritten and OSError.
        """
        return read(lambda: self._tables.inspect(*file), lambda table: _begun(compute(table)))

    def report(self, run_id: str) -> dict[str, Any]:
        """What report.json says of the model. Raises FileNotInRun, which says why there is none; ReportUnreadable."""
        run = self._store.find(run_id)
        file = run.directory.file(run.directory.report)
        if not run.is_ours or not file.exists():
            raise FileNotInRun(f"Run {run_id} is {run.state} and has no report: {_why_no_report(run)}.")
        report = file.read_json()
        if report is None:
            raise ReportUnreadable(run_id)
        return report

    def _artifacts(self, run: Run) -> list[dict[str, Any]]:
        return [
            {"path": name, "size": status.st_size, "modified_at": _iso(status.st_mtime)}
            for name, status in list_artifacts(run.directory)
        ]


def _begun(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same with the first one made already: what keeps a file from being read shows before anything was sent."""
    return chain([first], chunks) if (first := next(chunks, None)) is not None else iter(())


def _why_no_report(run: Run) -> str:
    if not run.is_ours:
        return "only our own training program makes one"
    if "command" in (_read_yaml(run.directory) or {}):
        return "only our own training program makes one, and this is a command experiment"
    if run.is_active:
        return "it is made after the last epoch, when the best checkpoint is tested"
    if run.state == COMPLETED:
        return "it could not be made, and the run's log says why"
    return "it ended before its best checkpoint was tested; a run with resume_from goes on to that"


def _read_yaml(run: RunDir) -> dict[str, Any] | None:
    """Read a run's own copy of its experiment; None where it is missing or spoilt. What JSON has not is None too."""
    try:
        content = strict_yaml.read(run.file(run.config))
    except YamlInvalid:
        return None
    if not isinstance(content, dict):
        return None
    plain: dict[str, Any] = json.loads(json.dumps(content), parse_constant=lambda _: None)
    return plain


def _silent_s(run: RunDir) -> float | None:
    """Tell how many seconds ago the log, the metrics or the progress changed last; None where there is none of them."""
    changed = []
    for file in (run.file(run.log), run.find_metrics(), run.file(run.find_progress())):
        with suppress(OSError):
            changed += [file.status().st_mtime] if file is not None else []
    return round(max(0.0, time.time() - max(changed)), 1) if changed else None


def _iso(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, timezone.utc).isoformat()
