"""REST's answers about runs: plain dictionaries with the names of the contract."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from app.runs.collect.runmetrics import MetricsFile, RunMetrics
from app.runs.exceptions import FileNotInRun, NoRuns, ReportUnreadable, RunForeign
from app.runs.log.search import LogMatches, search_log
from app.runs.log.tail import first_line, read_log
from app.runs.metrics.table import Table
from app.runs.metrics.tables import Tables, read
from app.runs.models.folder import ModelFolder
from app.runs.progress.progress import RunProgress
from app.runs.retention.sizes import Sizes
from app.runs.store.notes import change_notes
from app.runs.store.resume import has_left
from app.runs.store.run import Run
from app.runs.store.store import RunStore
from app.runs.store.welltyped import STOP, well_typed
from app.runs.times import format_time
from app.runs.usage.answer import describe_usage, usage_problem
from app.runs.views.artifacts import list_artifacts
from trainer.runner.statefile import has_verdict
from trainer.runner.verdict import COMPLETED

MAX_COLLECT_S = 30.0
"""A request waits this long for the metrics of a past run to be collected. Then it gets what there is."""
MAX_MEASURE_S = 1.0
"""A request waits this long for the size of a run. A later one continues."""

T = TypeVar("T")


class RunViews:
    """Answer about runs. All methods with a run id raise RunNotFound."""

    def __init__(self, store: RunStore, tables: Tables, metrics: RunMetrics, models: ModelFolder, sizes: Sizes) -> None:
        self._store = store
        self._tables = tables
        self._metrics = metrics
        self._models = models
        self._sizes = sizes

    def latest_run_id(self) -> str:
        """Return the id of the run started last. Raises NoRuns."""
        latest = self._store.latest()
        if latest is None:
            raise NoRuns
        return latest.run_id

    def describe(self, run_id: str) -> dict[str, Any]:
        """Describe a run in full."""
        run = self._store.find(run_id)
        models = [model.card() for model in self._models.of(run)]
        return run.snapshot() | {
            "progress": RunProgress(self._metrics.find_csv).read(run),
            "origin": run.origin,
            "parameters": run.parameters,
            "can_resume": run.is_over and has_left(run.directory, run.needed_to_resume),
            "silent_s": self._silent_s(run) if run.is_active else None,
            "config": _plain(run.config) if run.is_ours and run.config else None,
            "preflight": run.directory.read_json(run.directory.preflight) if run.is_ours else None,
            "stop": _read_stop(run),
            "model": models[0] if models else None,
            "models": models,
            "usage_problem": usage_problem(run),
            "size_bytes": self._sizes.measure(run.directory.path, has_verdict(run.record), MAX_MEASURE_S),
            "artifacts": self._artifacts(run),
        }

    def change_notes(self, run_id: str, changes: dict[str, Any], expected: dict[str, Any]) -> None:
        """Change title, note or tags of a run. Raises RunForeign, NotesChanged and OSError."""
        run = self._store.find(run_id)
        if not run.is_ours:
            raise RunForeign(run_id, run.reason)
        change_notes(run.directory, changes, self._store.runs_dir.parent, expected)

    def artifacts(self, run_id: str) -> list[dict[str, Any]]:
        return self._artifacts(self._store.find(run_id))

    def log(self, run_id: str, offset: int, limit: int, from_line: bool) -> dict[str, Any]:
        """Read a chunk of the log. While the run is active, an incomplete character at the end waits for the next call.

        `from_line`: skip to the first line that begins in the chunk. The end stays the same.
        """
        run = self._store.find(run_id)
        file, is_final = run.directory.file(run.directory.find_log()), run.is_over
        chunk = read_log(file, offset, limit, is_final)
        if from_line and chunk.text:
            start, end = first_line(file, chunk.offset, chunk.next_offset), chunk.next_offset
            chunk = read_log(file, start, end - start, is_final)
        return {"run_id": run_id, **vars(chunk)}

    def search_log(self, run_id: str, text: str, offset: int, limit: int) -> dict[str, Any]:
        """Find the lines with a text in a part of the log."""
        run = self._store.find(run_id).directory
        found: LogMatches = search_log(run.file(run.find_log()), text, offset, limit)
        return {"run_id": run_id, **vars(found)}

    def usage(self, run_id: str) -> dict[str, Any]:
        """Describe what the run used. Raises FileNotInRun, which says why nothing is known."""
        run = self._store.find(run_id)
        problem = usage_problem(run)
        with suppress(OSError):
            if problem is None:
                return describe_usage(run)
        why = problem or "its usage.csv cannot be read"
        raise FileNotInRun(f"Run {run_id} is {run.state} and has no usage: {why}.")

    def read_metrics(self, run_id: str, compute: Callable[[MetricsFile, Table], T]) -> T:
        """Compute something from a run's metrics, collected. Repeat it if the file is rewritten meanwhile.

        Raises FileNotInRun if the run has no metrics yet, and MetricsUnreadable.
        """
        run = self._store.find(run_id)
        found = self._metrics.collect_all(run, MAX_COLLECT_S)
        file = found.file
        if file is None:
            why = f" {found.problem}." if found.problem else ""
            raise FileNotInRun(f"Run {run_id} is {run.state} and has no metrics.{why}")
        inspect = partial(self._tables.inspect, file, found.is_final, found.declared)
        return read(inspect, lambda table: compute(found, table))

    def report(self, run_id: str) -> dict[str, Any]:
        """Read report.json. Raises ReportUnreadable, and FileNotInRun, which says why the run has no report."""
        run = self._store.find(run_id)
        file = run.directory.file(run.directory.report)
        if not run.is_ours or not file.exists():
            raise FileNotInRun(f"Run {run_id} is {run.state} and has no report: {_why_no_report(run)}.")
        report = file.read_json()
        if report is None:
            raise ReportUnreadable(run_id)
        return report

    def _silent_s(self, run: Run) -> float | None:
        """Return the seconds since the log, the metrics or the progress changed; None without any of these files."""
        changed = []
        for path in (run.directory.log, run.directory.find_progress(), *self._metrics.find(run).files):
            with suppress(OSError):
                changed.append(run.directory.file(path).status().st_mtime)
        return round(max(0.0, time.time() - max(changed)), 1) if changed else None

    def _artifacts(self, run: Run) -> list[dict[str, Any]]:
        return [
            {"path": name, "size": status.st_size, "modified_at": format_time(status.st_mtime)}
            for name, status in list_artifacts(run.directory)
        ]


def _why_no_report(run: Run) -> str:
    if not run.is_ours:
        return "only our own trainer writes one"
    if "command" in run.config:
        return "only our own trainer writes one, and this run is of a command experiment"
    if run.is_active:
        return "the program writes it after the last epoch, when it has tested the best checkpoint"
    if run.state == COMPLETED:
        return "writing it failed, and the run's log says why"
    return "it ended before it tested its best checkpoint. A run with resume_from can test it"


def _read_stop(run: Run) -> dict[str, Any] | None:
    stop = run.directory.read_json(run.directory.stop) if run.is_ours else None
    return None if stop is None else well_typed(stop, STOP)


def _plain(content: dict[str, Any]) -> dict[str, Any]:
    """Replace values that JSON lacks, such as NaN, by None."""
    plain: dict[str, Any] = json.loads(json.dumps(content), parse_constant=lambda _: None)
    return plain
