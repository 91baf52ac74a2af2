"""All runs as a table: what is listed of each, filtered and sorted. A run that has ended is read once and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from operator import itemgetter
from typing import Any

from app.runs.exceptions import MetricsUnreadable
from app.runs.filestate import Stamp, are_settled, modified_at, stamp
from app.runs.metrics.inspection import inspect
from app.runs.metrics.summary import Summary, summarise
from app.runs.metrics.tables import read
from app.runs.store.run import Run
from app.runs.store.states import UNKNOWN, has_verdict
from app.runs.store.store import RunStore
from trainer.rundir import RunDir
from trainer.runfile import RunFile

FIELDS = ("created_at", "duration_s", "status", "config_name", "model_name", "dataset")
"""What can be sorted by beside the best value of a metric."""
SEARCHED = ("run_id", "config_name", "model_name", "dataset")


@dataclass(frozen=True)
class _Watched:
    """The files that a run's entry is made of, and which state of them was there before they were read."""

    metrics: RunFile | None
    files: tuple[str, ...]
    stamps: tuple[Stamp | None, ...]

    @classmethod
    def look(cls, run: RunDir) -> _Watched:
        """What is not named here cannot come without one of these changing: a folder does, with what is put into it."""
        metrics, root = run.find_metrics(), str(run.path)
        written = str(run.program_dir)
        place = (str(metrics), str(metrics.path.parent.parent)) if metrics else (written, f"{written}/csv")
        files = (f"{root}/{run.run.name}", f"{root}/{run.state.name}", *place)
        return cls(metrics, files, tuple(map(stamp, files)))

    @property
    def modified_at(self) -> str | None:
        """When the metrics, or without any the directory, changed last."""
        seen = self.stamps[2]
        return modified_at(seen) if seen is not None else None

    def is_current(self) -> bool:
        return tuple(map(stamp, self.files)) == self.stamps


@dataclass
class _Entry:
    """A run as it is listed; `summary` once it was asked for. `is_final`: it says so until its files are changed."""

    item: dict[str, Any]
    watched: _Watched
    is_over: bool
    is_final: bool
    summary: Summary | None = None


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
        self._forget_all_but(ids)
        if wanted.status is wanted.search is wanted.sort is None:
            chosen = self._entries(ids[wanted.offset : end])
            return [self._told(entry, wanted.best) for entry in chosen], len(ids)
        matching = [entry for entry in self._entries(ids) if _is_wanted(entry.item, wanted)]
        if wanted.sort is not None:
            matching = self._sorted(matching, wanted.sort)
        return [self._told(entry, wanted.best) for entry in islice(matching, wanted.offset, end)], len(matching)

    def _entries(self, ids: Sequence[str]) -> list[_Entry]:
        """Those of the runs that are there, in that order."""
        kept = ((run_id, self._kept.get(run_id)) for run_id in ids)
        found = {run_id: entry for run_id, entry in kept if entry and entry.is_final and entry.watched.is_current()}
        watched = {run_id: _Watched.look(self._store.directory(run_id)) for run_id in ids if run_id not in found}
        for run in self._store.read(watched):
            found[run.run_id] = self._kept[run.run_id] = _read(run, watched[run.run_id])
        return [found[run_id] for run_id in ids if run_id in found]

    def _sorted(self, entries: list[_Entry], sort: str) -> list[_Entry]:
        """Sort stably, so that equal ones stay newest first; what has no value comes last either way."""
        name = sort.removeprefix("-")
        value: Callable[[_Entry], Any] = (
            (lambda entry: entry.item[name]) if name in FIELDS else (lambda entry: self._summary(entry).best.get(name))
        )
        valued = [(value(entry), entry) for entry in entries]
        known = sorted(
            (each for each in valued if each[0] is not None), key=itemgetter(0), reverse=sort.startswith("-")
        )
        return [entry for _, entry in known] + [entry for each, entry in valued if each is None]

    def _told(self, entry: _Entry, with_best: bool) -> dict[str, Any]:
        """With what is looked at each time, since it costs little for the runs of a page."""
        run = self._store.directory(entry.item["run_id"])
        is_ours = entry.item["status"] != UNKNOWN
        # An earlier version wrote no last.json, and what it left cannot be resumed.
        has_checkpoint = is_ours and run.file(run.last_checkpoint).exists() and run.file(run.last_state).exists()
        summary = self._summary(entry) if with_best else None
        return entry.item | {
            "has_checkpoint": has_checkpoint,
            "best_metrics": None if summary is None else summary.best,
            "directions": None if summary is None else summary.directions,
        }

    def _summary(self, entry: _Entry) -> Summary:
        if entry.summary is None:
            file = entry.watched.metrics
            entry.summary = Summary() if file is None else _summarise(file, entry.is_over)
        return entry.summary

    def _forget_all_but(self, ids: Sequence[str]) -> None:
        if len(self._kept) > len(ids):
            self._kept = {run_id: entry for run_id in ids if (entry := self._kept.get(run_id))}


def _summarise(file: RunFile, is_over: bool) -> Summary:
    """Nothing of a file that cannot be read: the list has the run all the same."""
    try:
        return read(lambda: inspect(file, is_final=is_over), summarise)
    except MetricsUnreadable:
        return Summary()


def _is_wanted(item: dict[str, Any], wanted: Wanted) -> bool:
    if wanted.status is not None and item["status"] != wanted.status:
        return False
    text = (wanted.search or "").lower()
    return not text or any(text in (item[name] or "").lower() for name in SEARCHED)


def _read(run: Run, watched: _Watched) -> _Entry:
    """A verdict is final, and nothing writes into the directory after it: so what is read then may be kept.

    So may an unknown one, until it gets other files.
    """
    is_final = has_verdict(run.record) or run.state == UNKNOWN
    item = {
        "run_id": run.run_id,
        "created_at": run.created_at,
        "modified_at": watched.modified_at if watched.metrics or run.is_ours else run.ended_at,
        "status": run.state,
        "reason": run.reason,
        "has_metrics": watched.metrics is not None,
        "metrics_file": str(watched.metrics) if watched.metrics else None,
        "config_name": run.config_name,
        "model_name": run.model_name,
        "dataset": run.dataset,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "duration_s": _seconds_between(run.started_at, run.ended_at),
    }
    return _Entry(item, watched, not run.is_active, is_final=is_final and are_settled(watched.stamps))


def _seconds_between(start: str | None, end: str | None) -> float | None:
    try:
        return (datetime.fromisoformat(end or "") - datetime.fromisoformat(start or "")).total_seconds()
    except (ValueError, TypeError):  # TypeError: one of them without a time zone.
        return None
