"""Measure the disk space of runs."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from app.runs.filestate import Remembered, file_states

MAX_RUNS = 20_000
MAX_WATCHED = 6
"""The number of a run's folders that are watched for deleted files, from the top."""
MIN_AGE_S = 5.0
AGE_PER_COST = 100.0
"""Measure a run that may still be written again after 100 times the duration of the measurement."""


class Sizes:
    """The sizes of runs: the bytes of all files, each hard-linked file once, without following links. Thread-safe.

    A run that is over is measured once, until one of its upper folders changes.
    """

    def __init__(self, make_lock: Callable[[], AbstractContextManager[object]] = threading.Lock) -> None:
        self._lock = make_lock()
        self._known: OrderedDict[Path, _Known] = OrderedDict()
        self._begun: dict[Path, _Measurement] = {}

    def measure(self, run: Path, is_over: bool, limit_s: float = float("inf")) -> int | None:
        """Return the size of a run directory. None: it takes longer than `limit_s`, or a folder cannot be read.

        The next call continues an unfinished measurement. `is_over`: the run is no longer written.
        """
        with self._lock:
            known = self._known.get(run)
            if known is None or not known.is_current(is_over):
                known = self._measure(run, time.monotonic() + limit_s) or known
            return known.size if known is not None else None

    def _measure(self, run: Path, deadline: float) -> _Known | None:
        """Measure a run. None: it takes longer."""
        measurement = self._begun.pop(run, None) or _Measurement(run)
        if not measurement.go_on(deadline):
            self._begun[run] = measurement
            return None
        known = self._known[run] = _Known(measurement)
        self._known.move_to_end(run)
        if len(self._known) > MAX_RUNS:
            self._known.popitem(last=False)
        return known


class _Known:
    """The size of a run, and how long it is valid."""

    def __init__(self, measured: _Measurement) -> None:
        self.size = measured.size
        self._watched = measured.watched
        self._until = time.monotonic() + max(MIN_AGE_S, AGE_PER_COST * measured.cost_s)

    def is_current(self, is_over: bool) -> bool:
        return self._watched.is_current() if is_over else time.monotonic() < self._until


class _Measurement:
    """A walk through the folders of a run, from the top, which may pause between two of them."""

    def __init__(self, run: Path) -> None:
        self.size: int | None = 0
        self.cost_s = 0.0
        self.watched = Remembered(None, file_states([run]))
        self._folders = deque([run])
        self._counted: set[tuple[int, int]] = set()

    def go_on(self, deadline: float) -> bool:
        """Walk until the deadline. Return whether the walk is complete."""
        started_at = time.monotonic()
        while self._folders and (time.monotonic() < deadline):
            self._count(self._folders.popleft())
        self.cost_s += time.monotonic() - started_at
        return not self._folders

    def _count(self, folder: Path) -> None:
        try:
            with os.scandir(folder) as entries:
                inner = [Path(entry.path) for entry in entries if self._count_entry(entry)]
        except FileNotFoundError:  # It was deleted in the meantime.
            return
        except OSError:
            self.size = None
            return
        self._folders += inner
        if more := inner[: MAX_WATCHED - len(self.watched.states)]:
            self.watched = Remembered(None, {**self.watched.states, **file_states(more)})

    def _count_entry(self, entry: os.DirEntry[str]) -> bool:
        """Count a file, and return whether the entry is a folder instead."""
        if entry.is_dir(follow_symlinks=False):
            return True
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:  # It was deleted in the meantime.
            return False
        identity = (status.st_dev, status.st_ino)
        if self.size is not None and not (status.st_nlink > 1 and identity in self._counted):
            self.size += status.st_size
        if status.st_nlink > 1:
            self._counted.add(identity)
        return False
