"""All runs as a table: what is listed of each, filtered and sorted. A run that has ended is read once and kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import Any

from app.runs.exceptions import MetricsUnreadable, RunNotFound
from app.runs.metrics import best_values, read_table
from app.runs.states import has_verdict
from app.runs.store import Run, RunStore

Stamp = tuple[tuple[int, int, int] | None, ...]
"""Which state of a run's files was read."""

FIELDS = ("created_at", "duration_s", "status", "config_name", "model_name", "dataset")
"""What can be sorted by beside the best value of a metric."""
SEARCHED = ("run_id", "config_name", "model_name", "dataset")


@dataclass
class _Entry:
    """A run as it is listed; `best` once it was asked for. `stamp` is None for what may still change."""

    item: dict[str, Any]
    stamp: Stamp | None
    state_file: Path
    best: dict[str, float] | None = None

    def is_current(self) -> bool:
        return self.stamp is not None and self.stamp == _stamp(self.state_file, self.item["metrics_file"])


@dataclass(frozen=True)
class Wanted:
    """Which runs, in which order, how many of them. `sort` is one of FIELDS or a metric; `-` before it: descending."""

    limit: int | None = None
    offset: int = 0
    status: str | None = None
    search: str | None = None
    sort: str | None = None
    best: bool = False


class Catalogue:
    """List the runs. Ten thousand of them take seconds the first time, and afterwards a look at each one's files."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._kept: dict[str, _Entry] = {}

    def page(self, wanted: Wanted) -> tuple[list[dict[str, Any]], int]:
        """The runs wanted, newest first unless sorted, and how many there are without `limit` and `offset`."""
        end = None if wanted.limit is None else wanted.offset + wanted.limit
        ids = self._store.ids()
        self._forget_all_but(set(ids))
        if wanted.status is wanted.search is wanted.sort is None:
            chosen = list(self._entries(ids[wanted.offset : end]))
            return [self._told(entry, wanted.best) for entry in chosen], len(ids)
        matching = [entry for entry in self._entries(ids) if _is_wanted(entry.item, wanted)]
        if wanted.sort is not None:
            matching = self._sorted(matching, wanted.sort)
        return [self._told(entry, wanted.best) for entry in islice(matching, wanted.offset, end)], len(matching)

    def _entries(self, ids: list[str]) -> Iterator[_Entry]:
        for run_id in ids:
            entry = self._kept.get(run_id)
            if entry is None or not entry.is_current():
                try:
                    entry = _read(self._store.find(run_id))
                except RunNotFound:
                    continue  # Deleted meanwhile.
                self._kept[run_id] = entry
            yield entry

    def _sorted(self, entries: list[_Entry], sort: str) -> list[_Entry]:
        """Sort stably, so that equal ones stay newest first; what has no value comes last either way."""
        name = sort.removeprefix("-")
        value: Callable[[_Entry], Any] = (
            (lambda entry: entry.item[name]) if name in FIELDS else (lambda entry: self._best(entry).get(name))
        )
        known = [entry for entry in entries if value(entry) is not None]
        unknown = [entry for entry in entries if value(entry) is None]
        return sorted(known, key=value, reverse=sort.startswith("-")) + unknown

    def _told(self, entry: _Entry, with_best: bool) -> dict[str, Any]:
        return entry.item | {"best_metrics": self._best(entry) if with_best else None}

    def _best(self, entry: _Entry) -> dict[str, float]:
        if entry.best is None:
            file = entry.item["metrics_file"]
            try:
                entry.best = {} if file is None else best_values(read_table(Path(file)))
            except MetricsUnreadable:
                entry.best = {}
        return entry.best

    def _forget_all_but(self, ids: set[str]) -> None:
        if len(self._kept) > len(ids):
            self._kept = {run_id: entry for run_id, entry in self._kept.items() if run_id in ids}


def _is_wanted(item: dict[str, Any], wanted: Wanted) -> bool:
    if wanted.status is not None and item["status"] != wanted.status:
        return False
    text = (wanted.search or "").lower()
    return not text or any(text in (item[name] or "").lower() for name in SEARCHED)


def _read(run: Run) -> _Entry:
    """A verdict is final, and nothing writes into the directory after it: so what is read then may be kept."""
    metrics = run.directory.find_metrics()
    snapshot = run.snapshot()
    item = {
        "run_id": run.run_id,
        "created_at": run.created_at,
        "modified_at": _modified_at(metrics or run.directory.path),
        "status": run.state,
        "reason": run.reason,
        "has_metrics": metrics is not None,
        "has_checkpoint": os.path.isfile(run.directory.last_checkpoint),
        "metrics_file": str(metrics) if metrics else None,
        "config_name": run.config_name,
        "model_name": run.model_name,
        "dataset": run.dataset,
        "started_at": snapshot["started_at"],
        "ended_at": snapshot["ended_at"],
        "duration_s": _seconds_between(snapshot["started_at"], snapshot["ended_at"]),
    }
    state_file = run.directory.state
    stamp = _stamp(state_file, item["metrics_file"]) if has_verdict(run.record) else None
    return _Entry(item, stamp, state_file)


def _stamp(*files: Path | str | None) -> Stamp:
    return tuple(None if file is None else _identity(file) for file in files)


def _identity(file: Path | str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _seconds_between(start: str | None, end: str | None) -> float | None:
    try:
        return (datetime.fromisoformat(end or "") - datetime.fromisoformat(start or "")).total_seconds()
    except (ValueError, TypeError):  # TypeError: one of them without a time zone.
        return None


def _modified_at(path: Path) -> str | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, timezone.utc).isoformat()
    except OSError:
        return None
