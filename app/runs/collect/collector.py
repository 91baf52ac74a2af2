"""Collect the rows of a run's sources into one table."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from app.runs.collect.columns import Columns
from app.runs.collect.source import Position, Reading, Restarted, Source
from app.runs.collect.table import ScrapedTable
from app.runs.filelock import locked_if_free
from app.runs.filestate import Remembered, file_states

SCRAPED = "scraped.csv"


class Collector:
    """Collects the rows of a run's sources into scraped.csv, which is read like any metrics CSV.

    Every process of the service may collect, and a lock decides which one does. A collector keeps no state in memory
    that another one would need. Each call reads a little of every source, so no call takes long.
    """

    def __init__(self, folder: Path) -> None:
        self.csv = folder / SCRAPED
        self.problems: dict[str, str] = {}
        """Messages for people by source: what cannot be read or written. `scraped.csv` is the table itself."""
        self._done = Remembered((False, False), {})
        """Whether everything was collected, and whether it was final."""

    def collect(
        self, sources: Sequence[Source], is_final: bool, limit_s: float = 0.0, counters: Collection[str] = ()
    ) -> bool:
        """Collect new rows for about `limit_s`, and at least some from every source.

        `counters` are columns besides `epoch` and `step` that say when a row was logged. They never change.

        Return whether there is more to collect, by this process or another. `is_final`: the sources are no longer
        written. Never raises: `problems` says what is wrong.
        """
        if self._done.is_current() and self._done.value == (True, is_final):
            return False
        states = file_states([self.csv, *(source.file.path for source in sources)])
        try:
            has_more = self._collect(sources, is_final, time.monotonic() + limit_s, counters)
        except OSError as error:
            self.problems = {SCRAPED: f"{self.csv} cannot be written: {error.strerror or error}"}
            return False
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
            # The run's program has damaged the state of the table. Without the state the table starts over.
            self.csv.with_suffix(".json").unlink(missing_ok=True)
            return True
        self._done = Remembered((not has_more, is_final), states)
        return has_more

    def _collect(self, sources: Sequence[Source], is_final: bool, deadline: float, counters: Collection[str]) -> bool:
        with locked_if_free(self.csv.with_suffix(".lock")) as lock:
            if lock is None:  # Another thread or process collects.
                return True
            table = ScrapedTable(self.csv, self.csv.with_suffix(".json"))
            before = None
            while has_more := self._collect_some(table, sources, is_final, counters):
                if before == table.state or time.monotonic() >= deadline:  # Nothing new: a source is waiting.
                    break
                before = table.state
                time.sleep(0)  # Let other threads run.
            return has_more

    def _collect_some(
        self, table: ScrapedTable, sources: Sequence[Source], is_final: bool, counters: Collection[str]
    ) -> bool:
        """Read some of every source and append it. Return whether there is more."""
        columns, positions = Columns(table.state, counters), table.state.get("positions", {})
        try:
            readings = self._read_some(sources, positions, is_final)
        except Restarted:
            table.begin_again({})
            return self._collect_some(table, sources, is_final, counters)
        if not readings:  # All were deleted. The table keeps their rows.
            return False
        for name, reading in readings.items():
            columns.add(name, reading.rows)
        if columns.is_new_name_shared:
            table.begin_again(columns.state_without_rows)
            return self._collect_some(table, sources, is_final, counters)
        rows = [columns.named(name, row) for name, reading in readings.items() for row in reading.rows]
        positions = positions | {name: reading.position for name, reading in readings.items()}
        table.append(rows, {"positions": positions} | columns.state)
        if table.is_full:
            self.problems[SCRAPED] = "it has no room for more columns, so the rest are left out"
        return not all(reading.is_whole for reading in readings.values())

    def _read_some(
        self, sources: Sequence[Source], positions: Mapping[str, Position], is_final: bool
    ) -> dict[str, Reading]:
        """Read some of every source, even if another one cannot be read. Raises Restarted."""
        self.problems, readings = {}, dict[str, Reading]()
        for source in sources:
            try:
                reading = source.read_new(positions.get(source.name, {}), is_final)
            except FileNotFoundError:  # It was deleted. Its rows stay.
                continue
            except OSError as error:
                self.problems[source.name] = f"cannot be read: {error.strerror or error}"
                continue
            readings[source.name] = reading
            if reading.problem is not None:
                self.problems[source.name] = reading.problem
        return readings
