"""Follow one run: turn changes of its files into events, and bring new subscribers up to date."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.runs.collect.runmetrics import PAUSE_S, MetricsFile
from app.runs.follow.events import (
    EpochChanged,
    Event,
    LogWritten,
    MetricsLogged,
    ProgressChanged,
    RunChanged,
)
from app.runs.follow.position import Attempts, Position
from app.runs.log.tail import LogTail, first_line, read_log
from app.runs.metrics.chunk import Chunk
from app.runs.metrics.epochs import Epochs
from app.runs.metrics.tail import MetricsTail
from app.runs.progress.progress import UNKNOWN_PROGRESS, RunProgress
from app.runs.store.run import Run

RECENT_LOG_BYTES = 64 * 1024
MAX_CATCH_UP_LOG_BYTES = 256 * 1024
MAX_CATCH_UP_BYTES = 400 * 1024
"""The limit on the rows and epochs of one answer, as JSON. Encoding them takes a few ms, and any socket takes them."""
MAX_ANSWER_BYTES = MAX_CATCH_UP_LOG_BYTES + MAX_CATCH_UP_BYTES


class Follower:
    """The position in one run's files up to which everything was published.

    The position is a row count in the metrics and a byte offset in the log. A new follower can rebuild it at any time,
    because the files are the history.
    """

    def __init__(self, run: Run, collect: Callable[[Run], MetricsFile]) -> None:
        """`collect` makes the metrics of a run one file, a little at each call."""
        self.run = run
        self._collect = collect
        self.is_over = False
        self._is_skipping = False
        self._metrics = MetricsTail()
        self._metrics_file: MetricsFile | None = None
        self._log = LogTail()
        self._log_file = run.directory.file(run.directory.find_log())
        self._epochs = Epochs()
        self._num_skipped = 0
        self._metrics_problem: str | None = None
        self._run_progress = RunProgress(lambda run: self._metrics_file and self._metrics_file.file)
        self._progress: dict[str, Any] | None = None
        self._published_state: tuple[str, str | None, int | None] | None = None

    @property
    def files(self) -> list[Path]:
        """The files to watch for changes. state.json and progress.json get replaced, which changes their folders."""
        directory = self.run.directory
        metrics = self._metrics_file.files if self._metrics_file is not None else ()
        return [directory.path, directory.program_dir, self._log_file.path, *metrics]

    def skip_to_end(self) -> Iterator[None]:
        """Skip the current content of the files. The caller must exhaust the iterator."""
        self._is_skipping = True
        return self._skip()

    def _skip(self) -> Iterator[None]:
        while True:
            for event in self._new_metrics():
                if isinstance(event, MetricsLogged):
                    yield
            if not self.run.is_over or not self._has_more_metrics:
                break
            time.sleep(PAUSE_S)
            yield
        self._log.skip_to_end(self._log_file, is_final=self.run.is_over)
        self._progress = self._run_progress.read(self.run)

    def may_reach(self, position: Position) -> bool:
        """Whether a client has more than this follower because `skip_to_end` is not done.

        The client got it from another process of the service, or before a restart.
        """
        has_more = position.row > self._metrics.num_rows or (position.log_offset or 0) > self._log.offset
        return self._is_skipping and has_more

    def read_new(self, run: Run) -> Iterator[Event]:
        """Yield the changes in the order in which to publish them. The caller must exhaust the iterator.

        The caller reads `run` before this call. If the run is over, its files no longer change. So this method reads
        both files to their end, and yields the final state last. If there is much to collect, the next calls do that.
        """
        self.run = run
        self._is_skipping = False
        is_final = run.is_over
        if not is_final:
            yield from self._new_state()
        yield from self._new_progress()
        yield from self._new_metrics()
        while chunks := self._log.read_new(self._log_file, is_final):
            for chunk in chunks:
                yield LogWritten(run.run_id, chunk.offset, chunk.next_offset, chunk.text)
            if not is_final:
                break
        if is_final and not self._has_more_metrics:
            yield from self._new_state()
            self.is_over = True

    def publish_again(self) -> None:
        """Publish the run with the next `read_new` even if its state is the same: its notes have changed."""
        self._published_state = None

    def position(self) -> list[Event]:
        """Return events that state the positions of the run's streams, so that clients notice gaps."""
        run_id, offset = self.run.run_id, self._log.offset
        return [
            *([ProgressChanged(run_id, self._progress)] if self._progress is not None else []),
            self._logged(None),
            LogWritten(run_id, offset, offset, ""),
            RunChanged(run_id, self.run.snapshot()),
        ]

    @property
    def attempts(self) -> Attempts:
        metrics = self._metrics
        return Attempts(self.run.run_id, metrics.attempt, metrics.num_restarts, self._log.num_restarts)

    def catch_up(self, position: Position, has_room: bool = True) -> dict[str, Any]:
        """Return what a client lacks. A client without a log gets the last 64 KiB, from the beginning of a line.

        The answer ends exactly where the events continue, unless the client lacks more than about 400 KiB of rows or
        256 KiB of log. A client without room gets no rows and no log. `epochs` are the epochs of the rows.
        """
        has = position.within(self.attempts)
        from_row = has.row if has.row <= self._metrics.num_rows else 0  # A client with more rows has read another file.
        chunk = self._metrics.read_again(from_row, MAX_CATCH_UP_BYTES) if has_room else None
        logged = self._logged(chunk, from_row).payload()
        return {
            "run": self.run.snapshot(),
            "progress": self._run_progress.read(self.run),
            **{name: value for name, value in logged.items() if name != "run_id"},
            "num_rows": self._metrics.num_rows,
            "log": self._log_since(has.log_offset, MAX_CATCH_UP_LOG_BYTES if has_room else 0),
            "epochs": list(self._epochs.behind(chunk)) if chunk is not None else [],
        }

    def is_behind(self, body: dict[str, Any]) -> bool:
        """Return whether the answer of `catch_up` ends before the position.

        That happens if the client lacks too much, or while the program rewrites a file.
        """
        num_rows = body["from_row"] + len(body["rows"])
        return bool(num_rows < self._metrics.num_rows or body["log"]["next_offset"] < self._log.offset)

    def _log_since(self, log_offset: int | None, max_bytes: int) -> dict[str, Any]:
        """Read from the client's offset to ours. A client with a larger offset has read another log."""
        end = self._log.offset
        if log_offset is None or log_offset > end:
            log_offset = first_line(self._log_file, max(0, end - RECENT_LOG_BYTES), end)
        limit = min(end - log_offset, max_bytes)
        if limit == 0:
            return {"offset": log_offset, "next_offset": log_offset, "end": end, "text": ""}
        chunk = read_log(self._log_file, log_offset, limit)
        return {"offset": chunk.offset, "next_offset": chunk.next_offset, "end": end, "text": chunk.text}

    def _new_state(self) -> list[Event]:
        state = (self.run.state, self.run.reason, self.run.pid)
        if state == self._published_state:
            return []
        self._published_state = state
        return [RunChanged(self.run.run_id, self.run.snapshot())]

    def _new_progress(self) -> list[Event]:
        progress = self._run_progress.read(self.run)
        if progress == self._progress:
            return []
        self._progress = progress
        return [ProgressChanged(self.run.run_id, progress or UNKNOWN_PROGRESS)]

    def _new_metrics(self) -> Iterator[Event]:
        """Collect for some milliseconds. Yield the epochs that new rows changed, and then the rows."""
        self._metrics_file = self._collect(self.run)
        yield from self._new_rows(self._metrics_file)
        if self._problem != self._metrics_problem:
            self._metrics_problem = self._problem
            yield self._logged(None)

    def _new_rows(self, file: MetricsFile) -> Iterator[Event]:
        restarts, max_epochs = self._metrics.num_restarts, (self._progress or {}).get("max_epochs")
        for number, chunk in enumerate(self._metrics.read_new(file.file, file.is_final, file.declared)):
            if number:
                time.sleep(0)  # Many rows take long, so let other threads run in between.
            if restarts != self._metrics.num_restarts:
                # This event comes before any epoch. Clients see that their rows no longer count, and ask for all rows.
                restarts, self._epochs = self._metrics.num_restarts, Epochs()
                yield self._logged(None, 0)
            num_rows = self._metrics.num_rows
            for epoch in self._epochs.merge(chunk):
                yield EpochChanged(self.run.run_id, epoch, max_epochs, num_rows, self._epochs.of(epoch))
            # The rows come last. A slow client that loses the last events lacks rows and asks for them.
            if len(chunk) or self._skipped != self._num_skipped:
                yield self._logged(chunk, num_rows - len(chunk))
            self._num_skipped = self._skipped

    @property
    def _has_more_metrics(self) -> bool:
        return self._metrics_file is not None and self._metrics_file.has_more

    @property
    def _problem(self) -> str | None:
        found = self._metrics_file.problem if self._metrics_file is not None else None
        return "; ".join(filter(None, [self._metrics.problem, found])) or None

    @property
    def _skipped(self) -> int:
        return self._metrics.table.num_skipped if self._metrics.table is not None else 0

    def _logged(self, chunk: Chunk | None, from_row: int | None = None) -> MetricsLogged:
        """Create the event for some rows. Without rows the event states the position."""
        metrics, table = self._metrics, self._metrics.table
        texts = set(table.names_of_text_columns) if table is not None else set[str]()
        columns = metrics.columns
        every = list(range(len(columns)))
        shown = [i for i in every if columns[i] not in texts or (chunk is not None and chunk.finite(i))]
        return MetricsLogged(
            self.run.run_id,
            columns if len(shown) == len(every) else [columns[i] for i in shown],
            metrics.num_rows if from_row is None else from_row,
            [] if chunk is None else chunk.finite_rows(shown),
            {} if chunk is None else chunk.non_finite(shown),
            sorted(texts),
            metrics.directions,
            self._skipped,
            [skipped._asdict() for skipped in table.skipped] if table is not None else [],
            self._problem,
            metrics.attempt,
        )
