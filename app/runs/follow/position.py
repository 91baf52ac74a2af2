"""How much a client has of a run, and of which attempt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple


class Attempts(NamedTuple):
    """What positions in a run refer to: how its metrics file and its log were begun."""

    run_id: str
    metrics: str | None
    metrics_restarts: int
    log_restarts: int


@dataclass(frozen=True)
class Position:
    """So many rows, and the log up to `log_offset` (None: nothing). `attempt` names the rows' attempt, if known.

    `told` is what the client was answered of last.
    """

    row: int = 0
    log_offset: int | None = None
    attempt: str | None = None
    told: Attempts | None = None

    def within(self, now: Attempts) -> Position:
        """What of it still counts: nothing of a file that was begun anew since."""
        told = self.told if self.told is not None and self.told.run_id == now.run_id else now
        attempt = self.attempt or told.metrics or now.metrics
        is_anew = attempt != now.metrics or told.metrics_restarts != now.metrics_restarts
        is_log_anew = told.log_restarts != now.log_restarts
        return replace(self, row=0 if is_anew else self.row, log_offset=None if is_log_anew else self.log_offset)
