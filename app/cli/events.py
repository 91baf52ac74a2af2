"""The events that `Client.follow` yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

FINAL_STATES = frozenset({"completed", "stopped", "failed", "interrupted", "unknown"})

Row: TypeAlias = dict[str, float]


@dataclass(frozen=True)
class RunChanged:
    """The run has a new state. The event with a final state is the last event."""

    run: dict[str, Any]

    @property
    def run_id(self) -> str:
        return str(self.run["run_id"])

    @property
    def state(self) -> str:
        return str(self.run["state"])

    @property
    def reason(self) -> str | None:
        reason: str | None = self.run["reason"]
        return reason

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES


@dataclass(frozen=True)
class ProgressChanged:
    """How far the run is: `progress` as in docs/rest.md."""

    progress: dict[str, Any]


@dataclass(frozen=True)
class RowsLogged:
    """New rows of the metrics, each with its values by name, NaN and infinities included.

    They follow the first `from_row` rows. That is the number of rows yielded before, or 0 if the program has
    restarted its file. Then discard all earlier rows and epochs.
    """

    from_row: int
    rows: list[Row]
    columns: list[str]
    directions: dict[str, str]
    """Whether "lower" or "higher" is better, for each metric whose direction is known."""


@dataclass(frozen=True)
class EpochChanged:
    """The metrics of an epoch so far, after the rows that changed it. `epoch` is the program's own number."""

    epoch: float
    metrics: dict[str, float | None]


@dataclass(frozen=True)
class LogWritten:
    """The bytes from `offset` to `next_offset` of the log as text.

    `offset` is the `next_offset` of the previous event. Otherwise the log was truncated: then discard the earlier
    text.
    """

    offset: int
    next_offset: int
    text: str


@dataclass(frozen=True)
class ConnectionLost:
    """The connection to the service is lost, for example by a restart. The client retries after `retry_in_s`."""

    problem: str
    retry_in_s: float


Event: TypeAlias = RunChanged | ProgressChanged | RowsLogged | EpochChanged | LogWritten | ConnectionLost
