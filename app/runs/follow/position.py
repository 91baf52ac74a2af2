"""The position of a client in a run: what it has, and of which attempt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple


class Attempts(NamedTuple):
    """The attempts of a run's metrics file and log, to which positions refer."""

    run_id: str
    metrics: str | None
    metrics_restarts: int
    log_restarts: int


@dataclass(frozen=True)
class Position:
    """What a client has: `row` rows, and the log up to `log_offset` (None: nothing).

    `attempt` names the attempt of the rows, if the client knows it. `answered` are the attempts of the last answer.
    """

    row: int = 0
    log_offset: int | None = None
    attempt: str | None = None
    answered: Attempts | None = None

    def within(self, now: Attempts) -> Position:
        """Return the part of the position that still counts. It is 0 in a file that the program started again."""
        known = self.answered if self.answered is not None and self.answered.run_id == now.run_id else now
        attempt = self.attempt or known.metrics or now.metrics
        is_other = attempt != now.metrics or known.metrics_restarts != now.metrics_restarts
        is_other_log = known.log_restarts != now.log_restarts
        return replace(self, row=0 if is_other else self.row, log_offset=None if is_other_log else self.log_offset)
