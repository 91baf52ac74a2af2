"""All runs as a table, filtered, sorted and paged. A run that has ended is read once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
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


@dataclass(frozen=True)
class _Metrics:
    """What the list shows of a run's metrics."""

    item: dict[str, Any]
    best: _Best | None
    """None: not requested yet."""


@dataclass
class _Entry:
    """A run as the list shows it. `metrics` is filled in when it is first requested."""

    item: dict[str, Any]
    is_over: bool
    has_verdict: bool
    is_final: bool
    """The run is no longer written, so the entry is valid until its files are changed from outside."""
    needed_to_resume: tuple[str, ...] | None
    metrics: Remembered[_Metrics] | None = None


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
    """List the runs. The first list of ten thousand runs takes seconds. Later lists only look at each run's files.

    Only a list that is sorted by a metric looks at the metrics of all runs. Any other looks at those of its page.
    """

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
            entries = [entry for entry, _ in self._find(ids[wanted.offset : end])]
            return self._describe(entries, wanted.best), len(ids)
        found = ((entry, run) for entry, run in self._find(ids) if _is_wanted(entry.item, wanted))
        matching = [entry for entry, _ in found] if wanted.sort is None else self._sorted(found, wanted.sort)
        return self._describe(matching[wanted.offset : end], wanted.best), len(matching)

    def count(self) -> dict[str, int]:
        """Return the number of runs in every state. Raises RunsUnreadable.

        A verdict is final, so this looks at no file of a run that is known to have one.
        """
        ids = self._store.ids()
        self._forget_all_but(ids)
        known = {run_id: each.value for run_id in ids if (each := self._remembered.get(run_id)) is not None}
        judged = {run_id: entry for run_id, entry in known.items() if entry.has_verdict}
        others = (entry for entry, _ in self._find([run_id for run_id in ids if run_id not in judged]))
        found = Counter(entry.item["status"] for entry in (*judged.values(), *others))
        return {state: found[state] for state in STATES}

    def _find(self, ids: Iterable[str]) -> Iterator[tuple[_Entry, Run | None]]:
        """Yield the entries of those runs that exist, in the order of the ids, each with the run if it was read."""
        living = self._store.living()
        for run_id in ids:
            known = self._remembered.get(run_id)
            if known is not None and known.is_current():
                yield known.value, None
                continue
            directory = self._store.directory(run_id)
            states = file_states([directory.run, directory.state, directory.notes])
            for run in self._store.read([run_id], living):
                yield self._enter(run, states), run

    def _enter(self, run: Run, states: FileStates) -> _Entry:
        """Make the entry of a run, and remember it if it is final. `states`: of its files, before they were read."""
        entry = _entry(run)
        if not run.is_ours:  # Its files say when it took place.
            states = {**states, **self._read_metrics(entry, run, with_best=False).states}
        if entry.is_final:
            self._remembered[run.run_id] = Remembered(entry, states)
        return entry

    def _sorted(self, found: Iterable[tuple[_Entry, Run | None]], sort: str) -> list[_Entry]:
        """Sort stably, so that equal runs stay newest first. Runs without a value come last in either direction."""
        name = sort.removeprefix("-")
        valued = [(self._value(entry, run, name), entry) for entry, run in found]
        known = sorted(
            (each for each in valued if each[0] is not None), key=itemgetter(0), reverse=sort.startswith("-")
        )
        return [entry for _, entry in known] + [entry for each, entry in valued if each is None]

    def _value(self, entry: _Entry, run: Run | None, name: str) -> Any:
        """Return what a run is sorted by."""
        if name == SIZE:
            return self._size(entry, float("inf"))
        if name in FIELDS:
            return entry.item[name]
        best = self._metrics_of(entry, run, with_best=True).best
        return best and best.values.get(name)

    def _size(self, entry: _Entry, limit_s: float) -> int | None:
        run = self._store.directory(entry.item["run_id"])
        return self._sizes.measure(run.path, entry.has_verdict, limit_s)

    def _describe(self, entries: Iterable[_Entry], with_best: bool) -> list[dict[str, Any]]:
        deadline = time.monotonic() + MAX_MEASURE_S
        return [self._describe_one(entry, with_best, deadline) for entry in entries]

    def _describe_one(self, entry: _Entry, with_best: bool, deadline: float) -> dict[str, Any]:
        """Add what is looked up each time, because it costs little for one page of runs."""
        run = self._store.directory(entry.item["run_id"])
        metrics = self._metrics_of(entry, None, with_best)
        best = metrics.best if with_best else None
        return (
            entry.item
            | metrics.item
            | {
                SIZE: self._size(entry, deadline - time.monotonic()),
                "can_resume": entry.is_over and has_left(run, entry.needed_to_resume),
                "best_metrics": best and best.values,
                "directions": best and best.directions,
            }
        )

    def _metrics_of(self, entry: _Entry, run: Run | None, with_best: bool) -> _Metrics:
        """Return what is known of the metrics, or read them. `run`: the run of the entry, if it was just read."""
        known = entry.metrics
        is_enough = known is not None and (known.value.best is not None or not with_best)
        # An entry that is not final was made for this list.
        if known is not None and is_enough and (not entry.is_final or known.is_current()):
            return known.value
        try:
            return self._read_metrics(entry, run or self._store.find(entry.item["run_id"]), with_best).value
        except RunNotFound:
            return _Metrics(_NO_METRICS, _Best({}, {}))

    def _read_metrics(self, entry: _Entry, run: Run, with_best: bool) -> Remembered[_Metrics]:
        found = self._metrics.find(run)
        states = file_states(_files(run.directory, found))
        best = self._find_best(run, found) if with_best else None
        entry.metrics = Remembered(_Metrics(_metrics_item(run, found, states), best), states)
        return entry.metrics

    def _find_best(self, run: Run, found: MetricsFile) -> _Best:
        metrics = found if found.is_in_place else self._metrics.collect_all(run, MAX_COLLECT_S)
        summary = metrics.summarise()
        directions = dict(islice(summary.directions.items(), MAX_METRICS))
        return _Best({name: summary.best[name] for name in directions if name in summary.best}, directions)

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


def _is_wanted(item: dict[str, Any], wanted: Wanted) -> bool:
    if wanted.status is not None and item["status"] != wanted.status:
        return False
    if wanted.tag is not None and wanted.tag not in item["tags"]:
        return False
    text = (wanted.search or "").lower()
    return any(text in (each or "").lower() for each in (*(item[name] for name in SEARCHED), *item["tags"]))


def _entry(run: Run) -> _Entry:
    """A run is not written after its verdict, and an unknown one only when files are added from outside."""
    item = {
        "run_id": run.run_id,
        "title": run.title,
        "tags": run.notes["tags"],
        "created_at": run.created_at,
        "status": run.state,
        "reason": run.reason,
        "config_name": run.config_name,
        "model_name": run.model_name,
        "dataset": run.dataset,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "duration_s": seconds_between(run.started_at, run.ended_at),
    }
    is_judged = has_verdict(run.record)
    return _Entry(item, run.is_over, is_judged, is_judged or run.state == UNKNOWN, run.needed_to_resume)


_NO_METRICS: dict[str, Any] = {"modified_at": None, "has_metrics": False, "metrics_file": None}


def _metrics_item(run: Run, metrics: MetricsFile, states: FileStates) -> dict[str, Any]:
    """`states` has those of the metrics, or without any, of the folders for them."""
    state = next(iter(states.values()))
    modified_at = None if state is None else format_time(state.modified_ns / 1e9)
    return {
        "modified_at": modified_at if metrics.exists or run.is_ours else run.ended_at,
        "has_metrics": metrics.exists,
        "metrics_file": str(metrics.path) if metrics.exists else None,
    }
