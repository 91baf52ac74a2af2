"""Follow one run: turn what changed in its files into events, and tell a newcomer what went before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.runs.events import (
    EpochChanged,
    Event,
    LogWritten,
    MetricsLogged,
    ProgressChanged,
    Row,
    RunChanged,
)
from app.runs.logtail import LogTail, first_line, read_log
from app.runs.metrics import NonFinite, finite, merge_epochs, non_finite
from app.runs.metricstail import MetricsTail
from app.runs.run import Run
from trainer.direction import Direction, directions

RECENT_LOG_BYTES = 64 * 1024
MAX_CATCH_UP_LOG_BYTES = 1024 * 1024
MAX_CATCH_UP_CELLS = 25_000


class Follower:
    """The position in one run's files up to which everything was published.

    Position in the metrics = number of rows, in the log = byte offset. It can be rebuilt at any time, because the
    files are the history.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.is_over = False
        self._metrics = MetricsTail()
        self._metrics_file: Path | None = None
        self._log = LogTail()
        self._epochs: dict[int, dict[str, Any]] = {}
        self._progress: dict[str, Any] | None = None
        self._directed_columns: list[str] = []
        self._known_directions: dict[str, Direction] = {}
        self._published_state: tuple[str, str | None, int | None] | None = None

    @property
    def files(self) -> list[Path]:
        """Whose change means news: the folders in which state.json and progress.json are replaced, log and metrics."""
        directory = self.run.directory
        metrics = [self._metrics_file] if self._metrics_file is not None else []
        return [directory.path, directory.program_dir, directory.log, *metrics]

    def skip_to_end(self) -> None:
        """Take everything that is there as published; used for a run that was going on before we were."""
        for _ in self._read_metrics():
            pass
        self._log.skip_to_end(self.run.directory.log, is_final=not self.run.is_active)
        self._progress = self.run.progress

    def read_new(self, run: Run) -> list[Event]:
        """Return what changed, in the order in which to publish it.

        `run` was read before: if it is over by then, nobody writes any more, so this drains both files a last time
        and the final state comes last.
        """
        self.run = run
        is_final = not run.is_active
        events: list[Event] = [] if is_final else self._new_state()
        events += self._new_progress() + self._new_metrics()
        while chunks := self._log.read_new(run.directory.log, is_final):
            events += [LogWritten(run.run_id, c.offset, c.next_offset, c.text) for c in chunks]
            if not is_final:
                break
        if is_final:
            events += self._new_state()
            self.is_over = True
        return events

    def position(self) -> list[Event]:
        """State where the run's streams stand, so that whoever missed something notices, and then, as ever, the run."""
        run_id, num_rows, offset = self.run.run_id, self._metrics.num_rows, self._log.offset
        return [
            *([ProgressChanged(run_id, self._progress)] if self._progress is not None else []),
            MetricsLogged(run_id, self._metrics.columns, num_rows, [], {}, self._directions()),
            LogWritten(run_id, offset, offset, ""),
            RunChanged(run_id, self.run.snapshot()),
        ]

    def catch_up(self, row: int, log_offset: int | None) -> dict[str, Any]:
        """Tell what a client misses that has `row` rows and the log up to `log_offset` (None: wants the last 64 KiB,
        from the first line that begins there).

        It ends exactly where the events go on, except that of many rows only the next 25,000 cells come, and of a
        long log only the next 1 MiB.
        """
        columns, from_row = self._metrics.columns, min(row, self._metrics.num_rows)
        rows, not_finite = _for_json(columns, self._rows_from(from_row))
        return {
            "run": self.run.snapshot(),
            "progress": self.run.progress,
            "columns": columns,
            "from_row": from_row,
            "rows": rows,
            "non_finite": not_finite,
            "directions": self._directions(),
            "log": self._log_since(log_offset),
            "epochs": [{"epoch": epoch, "metrics": dict(merged)} for epoch, merged in sorted(self._epochs.items())],
        }

    def is_behind(self, told: dict[str, Any]) -> bool:
        """Whether a catch-up did not reach the position (it was long, or being rewritten)."""
        num_rows = told["from_row"] + len(told["rows"])
        return bool(num_rows < self._metrics.num_rows or told["log"]["next_offset"] < self._log.offset)

    def _rows_from(self, row: int) -> list[Row]:
        """Read from the client's row to ours."""
        if row == self._metrics.num_rows:
            return []
        max_rows = max(1, MAX_CATCH_UP_CELLS // max(1, len(self._metrics.columns)))
        return self._metrics.read_again(self._metrics_file, row, max_rows)

    def _log_since(self, log_offset: int | None) -> dict[str, Any]:
        """Read from the client's offset to ours. One that claims more than there is has another log in mind."""
        end = self._log.offset
        if log_offset is None or log_offset > end:
            log_offset = first_line(self.run.directory.log, max(0, end - RECENT_LOG_BYTES), end)
        chunk = read_log(self.run.directory.log, log_offset, min(end - log_offset, MAX_CATCH_UP_LOG_BYTES))
        return {"offset": chunk.offset, "next_offset": chunk.next_offset, "text": chunk.text}

    def _new_state(self) -> list[Event]:
        state = (self.run.state, self.run.reason, self.run.pid)
        if state == self._published_state:
            return []
        self._published_state = state
        return [RunChanged(self.run.run_id, self.run.snapshot())]

    def _new_progress(self) -> list[Event]:
        progress = self.run.progress
        if progress is None or progress == self._progress:
            return []
        self._progress = progress
        return [ProgressChanged(self.run.run_id, progress)]

    def _new_metrics(self) -> list[Event]:
        run_id, max_epochs = self.run.run_id, (self._progress or {}).get("max_epochs")
        events: list[Event] = []
        for rows, changed in self._read_metrics():
            columns, num_rows = self._metrics.columns, self._metrics.num_rows
            for epoch in sorted(changed):
                events.append(EpochChanged(run_id, epoch, max_epochs, num_rows, dict(self._epochs[epoch])))
            # The rows last: a slow client that loses the end of this lacks rows then and asks for everything.
            told = _for_json(columns, rows)
            events.append(MetricsLogged(run_id, columns, num_rows - len(rows), *told, self._directions()))
        return events

    def _directions(self) -> dict[str, Direction]:
        columns = self._metrics.columns
        if columns is not self._directed_columns:  # Not at each event: a file may have thousands of columns.
            self._directed_columns, self._known_directions = columns, directions(columns)
        return self._known_directions

    def _read_metrics(self) -> Iterator[tuple[list[Row], set[int]]]:
        """Yield the rows that are new, in pieces, and which epochs changed by them."""
        self._metrics_file = self.run.directory.find_metrics()
        for number, rows in enumerate(self._metrics.read_new(self._metrics_file)):
            if number:
                time.sleep(0)  # Of many rows: others have their turn in between.
            if rows:
                yield rows, merge_epochs(self._metrics.columns, rows, self._epochs)


def _for_json(columns: list[str], rows: list[Row]) -> tuple[list[Row], NonFinite]:
    """The rows with null for what is not finite, and where that was what."""
    found = non_finite(columns, rows)
    return [[finite(value) for value in row] for row in rows] if found else rows, found
