"""What the supervisor publishes. Each class is one Socket.IO event: `name` is its name, its fields the payload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from app.runs.metrics.chunk import NonFinite, Number, Row
from trainer.experiment.direction import Direction

BATCH_BYTES = 128 * 1024


@dataclass(frozen=True)
class RunChanged:
    """A run's snapshot, at each change of its state. The final one comes after the last metrics and log."""

    name: ClassVar[str] = "run"
    run_id: str
    snapshot: dict[str, Any]

    def payload(self) -> dict[str, Any]:
        return self.snapshot


@dataclass(frozen=True)
class EpochChanged:
    """An epoch's metrics merged so far; published again when one is added or changed. Its number is the program's own.

    It comes right before the rows that changed it. `num_rows` is how many rows were merged: whoever was told of more
    rows meanwhile, by subscribing again, was told the epochs anew as well.
    """

    name: ClassVar[str] = "epoch"
    run_id: str
    epoch: Number
    max_epochs: int | None
    num_rows: int
    metrics: dict[str, Number | None]

    def payload(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class MetricsLogged:
    """New rows, aligned with `columns`. `from_row` is the number of rows before them.

    What is not finite is None, and `non_finite` tells where: {column: {"nan" or "inf" or "-inf": [index in `rows`]}}.
    A column with nothing but text there is not in `columns`; `text_columns` names all with text in them. `directions`
    says of each column whose direction is known whether lower or higher is better. `skipped_rows` names the first of
    the `num_skipped_rows`, and `metrics_problem` says why the file cannot be read, if so. `attempt` changes when the
    file was begun anew; then `from_row` is 0, and nothing of what was published before counts. Without rows it states
    the position, so that a client which missed something notices.
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

    def payload(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class ProgressChanged:
    """What progress.json says now."""

    name: ClassVar[str] = "progress"
    run_id: str
    progress: dict[str, Any]

    def payload(self) -> dict[str, Any]:
        return {"run_id": self.run_id, **self.progress}


@dataclass(frozen=True)
class LogWritten:
    """The log's bytes [offset, next_offset) as text. Without text it states the position."""

    name: ClassVar[str] = "log"
    run_id: str
    offset: int
    next_offset: int
    text: str

    def payload(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class SystemMeasured:
    """Load of the machine and of the active run's processes."""

    name: ClassVar[str] = "system"
    measures: dict[str, Any]

    def payload(self) -> dict[str, Any]:
        return self.measures


def size_of(event: Event) -> int:
    """About how many bytes an event takes as JSON."""
    size = 1024
    if isinstance(event, LogWritten):
        size += len(event.text)
    elif isinstance(event, MetricsLogged):
        size += 24 * len(event.columns) * (1 + len(event.rows))
    elif isinstance(event, EpochChanged):
        size += 48 * len(event.metrics)
    return size


def batches(events: Iterable[Event]) -> Iterator[list[Event]]:
    """Group events. A batch takes about BATCH_BYTES as JSON, so publishing one keeps nobody waiting for long."""
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


Event = RunChanged | EpochChanged | MetricsLogged | ProgressChanged | LogWritten | SystemMeasured
EVENTS = (RunChanged, EpochChanged, MetricsLogged, ProgressChanged, LogWritten, SystemMeasured)
