"""Collect the rows of a run's sources into one table."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.runs.collect.source import Reading, Restarted, Source
from app.runs.collect.table import ScrapedTable
from app.runs.filestate import Remembered, file_states

SCRAPED = "scraped.csv"


class Collector:
    """Collects the rows of a run's sources into scraped.csv in a folder of ours, a metrics CSV like any other.

    Every process of the service may collect, and a lock decides which one does. A collector remembers nothing that
    another one, in any process, would need. Each call reads a little of every source, so nobody waits for long.
    """

    def __init__(self, folder: Path) -> None:
        self.csv = folder / SCRAPED
        self.problems: dict[str, str] = {}
        """By source: what cannot be read or written, for people. The table itself is called `scraped.csv`."""
        self._done = Remembered((False, False), {})
        """Whether everything was collected, and as final."""

    def collect(self, sources: Sequence[Source], is_final: bool, limit_s: float = 0.0) -> bool:
        """Collect new rows for at most about `limit_s`, but some of every source.

        Return whether the table holds all that is written. If another process collects, it may hold more soon.
        `is_final` means that nobody writes any more. Raises nothing: `problems` says what is wrong.
        """
        if self._done.is_current() and self._done.value == (True, is_final):
            return True
        states, deadline = (
            file_states([self.csv, *(source.file.path for source in sources)]),
            time.monotonic() + limit_s,
        )
        try:
            is_whole = self._collect(sources, is_final, deadline)
        except OSError as error:
            self.problems[SCRAPED] = f"{self.csv} cannot be written: {error.strerror or error}"
            return False
        self._done = Remembered((is_whole, is_final), states)
        return is_whole

    def _collect(self, sources: Sequence[Source], is_final: bool, deadline: float) -> bool:
        with _lock(self.csv.with_suffix(".lock")) as is_held:
            if not is_held:
                return False
            table = ScrapedTable(self.csv, self.csv.with_suffix(".json"))
            while not (is_whole := self._collect_some(table, sources, is_final)) and time.monotonic() < deadline:
                time.sleep(0)  # Let other threads run.
            return is_whole

    def _collect_some(self, table: ScrapedTable, sources: Sequence[Source], is_final: bool) -> bool:
        """Read a little of every source. A source that cannot be read keeps none of the others from being read."""
        self.problems, readings = {}, dict[str, Reading]()
        for source in sources:
            try:
                reading = source.read_new(table.positions.get(source.name, {}), is_final)
            except Restarted:
                table.begin_again()
                return self._collect_some(table, sources, is_final)
            except FileNotFoundError:  # It was deleted. Its rows stay.
                continue
            except OSError as error:
                self.problems[source.name] = f"cannot be read: {error.strerror or error}"
                continue
            readings[source.name] = reading
            if reading.problem is not None:
                self.problems[source.name] = reading.problem
        rows = [row for reading in readings.values() for row in reading.rows]
        table.append(rows, {name: reading.position for name, reading in readings.items()})
        if table.is_full:
            self.problems[SCRAPED] = "it has no room for further columns, so they are left out"
        return all(reading.is_whole for reading in readings.values())


@contextmanager
def _lock(path: Path) -> Iterator[bool]:
    """Whether this thread may collect. The kernel releases the lock of a process that is killed."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)
