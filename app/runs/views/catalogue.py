"""All runs as a table, filtered, sorted and paged. A run that has ended is read once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from app.runs.collect.runmetrics import MetricsFile, RunMetrics
from app.runs.exceptions import RunNotFound
from app.runs.filestate import FileStates, Remembered, file_states
from app.runs.retention.sizes import Sizes
from app.runs.store.resume import has_left
from app.runs.store.run import Run
from app.runs.store.states import STATES, UNKNOWN
from app.runs.store.store import RunStore
from app.runs.times import format_time, seconds_between
from trainer.experiment.direction import Direction
from trainer.rundir import RunDir
from trainer.runner.statefile import has_verdict

SIZE = "size_bytes"
FIELDS = ("created_at", "duration_s", SIZE, "status", "config_name", "model_name", "dataset")
"""What a client can sort by, besides the best value of a metric."""
SEARCHED = ("run_id", "title", "config_name", "model_name", "dataset")  # And the tags.
MAX_COLLECT_S = 2.0
"""The list waits this long for the metrics of one run to be collected."""
MAX_MEASURE_S = 0.25
"""The list waits this long for the sizes of its runs. Those that are not measured by then have none. The next list
continues. A list that is sorted by size waits for all."""
MAX_METRICS = 200
"""The list shows, and sorts by, the first 200 metrics of a run that have a direction."""


@dataclass(frozen=True)
class _Best:
    """The best values of a run's metrics, and which way these metrics improve."""

    values: dict[str, float]
    directions: dict[str, Direction]


@dataclass
class _Entry:
    """A run as the list shows it. `best` is filled in when it is first requested."""

    item: dict[str, Any]
    is_over: bool
    has_verdict: bool
    is_final: bool
    """The run is no longer written, so the entry is valid until its files are changed from outside."""
    needed_to_resume: tuple[str, ...] | None
    best: _Best | None = None


@dataclass(frozen=True)
class Wanted:
    """Which runs, in which order, and how many. `sort` is one of FIELDS or a metric, after a `-` for descending."""

    limit: int | None = None
    offset: int = 0
    status: str | None = None
    search: str | None = None
    tag: str | None = None
    sort: str | None = None
    best: bool = False


class Catalogue:
    """List the runs. The first list of ten thousand runs takes seconds. Later lists only look at each run's files."""

    def __init__(self, store: RunStore, metrics: RunMetrics, sizes: Sizes) -> None:
        self._store = store
        self._metrics = metrics
        self._sizes = sizes
        self._remembered: dict[str, Remembered[_Entry]] = {}

    def page(self, wanted: Wanted) -> tuple[list[dict[str, Any]], int]:
        """Return the wanted runs, newest first unless sorted, and how many runs match without `limit` and `offset`."""
        end = None if wanted.limit is None else wanted.offset + wanted.limit
        ids = self._store.ids()
        self._forget_all_but(ids)
        if wanted.status is wanted.search is wanted.tag is wanted.sort is None:
            return self._describe(self._entries(ids[wanted.offset : end]), wanted.best), len(ids)
        matching = [entry for entry in self._entries(ids) if _is_wanted(entry.item, wanted)]
        if wanted.sort is not None:
            matching = self._sorted(matching, wanted.sort)
        return self._describe(matching[wanted.offset : end], wanted.best), len(matching)

    def count(self) -> dict[str, int]:
        """Return the number of runs in every state. Raises RunsUnreadable.

        A verdict is final, so this looks at no file of a run that is known to have one.
        """
        ids = self._store.ids()
        self._forget_all_but(ids)
        known = {run_id: each.value for run_id in ids if (each := self._remembered.get(run_id)) is not None}
        judged = {run_id: entry for run_id, entry in known.items() if entry.has_verdict}
        others = self._entries([run_id for run_id in ids if run_id not in judged])
        found = Counter(entry.item["status"] for entry in (*judged.values(), *others))
        return {state: found[state] for state in STATES}

    def _entries(self, ids: Sequence[str]) -> list[_Entry]:
        """Return the entries of those runs that exist, in the order of the ids."""
        known = ((run_id, self._remembered.get(run_id)) for run_id in ids)
        found = {run_id: entry.value for run_id, entry in known if entry is not None and entry.is_current()}
        found |= self._read(run_id for run_id in ids if run_id not in found)
        return [found[run_id] for run_id in ids if run_id in found]

    def _read(self, ids: Iterable[str]) -> dict[str, _Entry]:
        """Read runs, after taking the states of the files that their entries are made of."""
        found = {}
        runs = (self._store.directory(run_id) for run_id in ids)
        watched = {run.run_id: file_states([run.run, run.state, run.notes]) for run in runs}
        for run in self._store.read(watched):
            metrics = self._metrics.find(run)
            written = file_states(_files(run.directory, metrics))
            entry = found[run.run_id] = _entry(run, metrics, written)
            if entry.is_final:
                self._remembered[run.run_id] = Remembered(entry, {**watched[run.run_id], **written})
        return found

    def _sorted(self, entries: list[_Entry], sort: str) -> list[_Entry]:
        """Sort stably, so that equal runs stay newest first. Runs without a value come last in either direction."""
        name = sort.removeprefix("-")
        valued = [(self._value(entry, name), entry) for entry in entries]
        known = sorted(
            (each for each in valued if each[0] is not None), key=itemgetter(0), reverse=sort.startswith("-")
        )
        return [entry for _, entry in known] + [entry for each, entry in valued if each is None]

    def _value(self, entry: _Entry, name: str) -> Any:
        """Return what a run is sorted by."""
        if name == SIZE:
            return self._size(entry, float("inf"))
        return entry.item[name] if name in FIELDS else self._best(entry).values.get(name)

    def _size(self, entry: _Entry, limit_s: float) -> int | None:
        run = self._store.directory(entry.item["run_id"])
        return self._sizes.measure(run.path, entry.has_verdict, limit_s)

    def _describe(self, entries: Iterable[_Entry], with_best: bool) -> list[dict[str, Any]]:
        deadline = time.monotonic() + MAX_MEASURE_S
        return [self._describe_one(entry, with_best, deadline) for entry in entries]

    def _describe_one(self, entry: _Entry, with_best: bool, deadline: float) -> dict[str, Any]:
        """Add what is looked up each time, because it costs little for one page of runs."""
        run = self._store.directory(entry.item["run_id"])
        best = self._best(entry) if with_best else None
        return entry.item | {
            SIZE: self._size(entry, deadline - time.monotonic()),
            "can_resume": entry.is_over and has_left(run, entry.needed_to_resume),
            "best_metrics": best and best.values,
            "directions": best and best.directions,
        }

    def _best(self, entry: _Entry) -> _Best:
        if entry.best is None:
            try:
                run = self._store.find(entry.item["run_id"])
            except RunNotFound:
                return _Best({}, {})
            entry.best = _find_best(self._metrics.collect_all(run, MAX_COLLECT_S))
        return entry.best

    def _forget_all_but(self, ids: Sequence[str]) -> None:
        if len(self._remembered) > len(ids):
            self._remembered = {run_id: entry for run_id in ids if (entry := self._remembered.get(run_id))}


def _files(run: RunDir, metrics: MetricsFile) -> list[Path]:
    """Return the files of metrics, and the folders that change when a better file appears, or the first one."""
    written = run.program_dir
    if not metrics.exists:
        return [written, written / "csv", metrics.path]
    folders = {file.parent if file.parent == written else file.parent.parent for file in metrics.written}
    return [*metrics.files, *folders]


def _find_best(metrics: MetricsFile) -> _Best:
    summary = metrics.summarise()
    directions = dict(islice(summary.directions.items(), MAX_METRICS))
    return _Best({name: summary.best[name] for name in directions if name in summary.best}, directions)


def _is_wanted(item: dict[str, Any], wanted: Wanted) -> bool:
    if wanted.status is not None and item["status"] != wanted.status:
        return False
    if wanted.tag is not None and wanted.tag not in item["tags"]:
        return False
    text = (wanted.search or "").lower()
    return any(text in (each or "").lower() for each in (*(item[name] for name in SEARCHED), *item["tags"]))


def _entry(run: Run, metrics: MetricsFile, written: FileStates) -> _Entry:
    """`written` has the states of the metrics, or without any, of the folders for them.

    A run is not written after its verdict, and an unknown one only when files are added from outside.
    """
    state = next(iter(written.values()))
    modified_at = None if state is None else format_time(state.modified_ns / 1e9)
    item = {
        "run_id": run.run_id,
        "title": run.title,
        "tags": run.notes["tags"],
        "created_at": run.created_at,
        "modified_at": modified_at if metrics.exists or run.is_ours else run.ended_at,
        "status": run.state,
        "reason": run.reason,
        "has_metrics": metrics.exists,
        "metrics_file": str(metrics.path) if metrics.exists else None,
        "config_name": run.config_name,
        "model_name": run.model_name,
        "dataset": run.dataset,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "duration_s": seconds_between(run.started_at, run.ended_at),
    }
    is_judged = has_verdict(run.record)
    return _Entry(item, run.is_over, is_judged, is_judged or run.state == UNKNOWN, run.needed_to_resume)
