"""The events that the supervisor publishes. Each class is a Socket.IO event with a name and a payload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from app.runs.metrics.chunk import NonFinite, Number, Row
from trainer.experiment.direction import Direction

BATCH_BYTES = 128 * 1024
MAX_QUEUED_IDS = 100


class _Fields:
    """An event whose payload is its fields."""

    def payload(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class RunChanged:
    """A run's snapshot after each change of its state or notes. The final state follows the last metrics and log."""

    name: ClassVar[str] = "run"
    run_id: str
    snapshot: dict[str, Any]

    def payload(self) -> dict[str, Any]:
        return self.snapshot


@dataclass(frozen=True)
class EpochChanged(_Fields):
    """The metrics of an epoch so far, published again after each change. The program chooses the number of an epoch.

    The event comes right before the rows that changed the epoch. `num_rows` is the number of merged rows. A client that
    has more rows, because it subscribed again meanwhile, also has newer epochs and ignores the event.
    """

    name: ClassVar[str] = "epoch"
    run_id: str
    epoch: Number
    max_epochs: int | None
    num_rows: int
    metrics: dict[str, Number | None]


@dataclass(frozen=True)
class MetricsLogged(_Fields):
    """New rows, aligned with `columns`. `from_row` is the number of rows before them.

    Values that are not finite are None, and `non_finite` lists them: {column: {"nan", "inf" or "-inf": [index in
    `rows`]}}. `columns` leaves out columns that have only text in these rows. `text_columns` names all columns with
    text. `directions` says whether lower or higher is better, for each column whose direction is known. `skipped_rows`
    names the first of the `num_skipped_rows`. `metrics_problem` says why the file cannot be read. `attempt` changes
    when the program starts the file again. Then `from_row` is 0, and earlier rows no longer count. An event without
    rows states the position, so that a client notices what it missed.
    """

    name: ClassVar[str] = "metrics"
    run_id: str
    columns: list[str]
    from_row: int
    rows: list[Row]
    non_finite: NonFinite
    text_columns: list[str]
    directions: dict[str, Direction]
    num_skipped_rows: int
    skipped_rows: list[dict[str, Any]]
    metrics_problem: str | None
    attempt: str | None


@dataclass(frozen=True)
class ProgressChanged:
    """How far the run is, from progress.json, from the log or from the metrics."""

    name: ClassVar[str] = "progress"
    run_id: str
    progress: Mapping[str, Any]

    def payload(self) -> dict[str, Any]:
        return {"run_id": self.run_id, **self.progress}


@dataclass(frozen=True)
class LogWritten(_Fields):
    """The bytes [offset, next_offset) of the log as text. An event without text states the position."""

    name: ClassVar[str] = "log"
    run_id: str
    offset: int
    next_offset: int
    text: str


@dataclass(frozen=True)
class SystemMeasured:
    """The usage of the machine and of the active run's processes."""

    name: ClassVar[str] = "system"
    measures: dict[str, Any]

    def payload(self) -> dict[str, Any]:
        return self.measures


@dataclass(frozen=True)
class QueueChanged(_Fields):
    """The queue has other runs, or another order, or was paused or resumed. `run_ids` are the first MAX_QUEUED_IDS."""

    name: ClassVar[str] = "queue"
    paused: bool
    num_runs: int
    run_ids: list[str]


def size_of(event: Event) -> int:
    """Estimate the bytes of an event as JSON."""
    size = 1024
    if isinstance(event, LogWritten):
        size += len(event.text)
    elif isinstance(event, MetricsLogged):
        size += 24 * len(event.columns) * (1 + len(event.rows))
    elif isinstance(event, RunChanged):
        size += len(event.snapshot["note"] or "")
    elif isinstance(event, EpochChanged):
        size += 48 * len(event.metrics)
    return size


def batches(events: Iterable[Event]) -> Iterator[list[Event]]:
    """Group events into batches of about BATCH_BYTES as JSON, so that publishing one batch never takes long."""
    batch: list[Event] = []
    num_bytes = 0
    for event in events:
        batch.append(event)
        num_bytes += size_of(event)
        if num_bytes >= BATCH_BYTES:
            yield batch
            batch, num_bytes = [], 0
    if batch:
        yield batch


Event = RunChanged | EpochChanged | MetricsLogged | ProgressChanged | LogWritten | SystemMeasured | QueueChanged
