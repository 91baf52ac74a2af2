"""A message, and what became of it at each address: the content of `notified.json`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from app.runs.notify.message import Message
from app.runs.store.welltyped import NOTICE, well_typed
from app.runs.times import parse_time, seconds_between
from trainer.rundir import load_json, utc_now, write_json

FIRST_PAUSE_S = 2.0
MAX_PAUSE_S = 3600.0
PATIENCE_S = 24 * 3600.0
"""An address that still fails after this time is given up."""


@dataclass(frozen=True)
class Delivery:
    """What became of a message at one address. Times are UTC, ISO 8601."""

    address: str
    attempts: int = 0
    attempted_at: str | None = None
    sent_at: str | None = None
    given_up_at: str | None = None
    problem: str | None = None
    """Why the last attempt failed."""

    @property
    def is_settled(self) -> bool:
        return self.sent_at is not None or self.given_up_at is not None

    def is_due(self, now: str) -> bool:
        """Whether to try now. A clock that was set back delays nothing."""
        if self.is_settled or self.attempted_at is None:
            return not self.is_settled
        pause_s = min(FIRST_PAUSE_S * 2 ** (min(self.attempts, 30) - 1), MAX_PAUSE_S)
        age_s = seconds_between(self.attempted_at, now)
        return age_s is None or not 0 <= age_s < pause_s


@dataclass(frozen=True)
class Notice:
    """A message and its deliveries, as in their file."""

    path: Path
    message: Message
    created_at: str
    deliveries: tuple[Delivery, ...]

    @classmethod
    def create(cls, path: Path, message: Message, addresses: Iterable[str]) -> Notice:
        """Write a notice that was not sent yet. Raises OSError."""
        notice = cls(path, message, utc_now(), tuple(map(Delivery, addresses)))
        notice.write()
        return notice

    @classmethod
    def read(cls, path: Path) -> Notice | None:
        """Read a notice; None if it is missing or corrupt. Raises OSError, because a new notice would be sent again."""
        content = well_typed(load_json(path) or {}, NOTICE)
        try:
            deliveries = tuple(Delivery(**each) for each in content["deliveries"])
            notice = cls(path, Message(**content["message"]), content["created_at"], deliveries)
        except (KeyError, TypeError):
            return None
        return None if parse_time(notice.created_at) is None else notice

    @property
    def is_settled(self) -> bool:
        return all(delivery.is_settled for delivery in self.deliveries)

    @property
    def num_unsettled(self) -> int:
        return sum(not delivery.is_settled for delivery in self.deliveries)

    def is_due(self) -> bool:
        return any(delivery.is_due(utc_now()) for delivery in self.deliveries)

    def with_delivery(self, changed: Delivery) -> Notice:
        """Replace the delivery to the same address."""
        return replace(
            self, deliveries=tuple(changed if each.address == changed.address else each for each in self.deliveries)
        )

    def give_up(self, addresses: Iterable[str]) -> Notice:
        """Give up deliveries that failed for too long, and those to addresses not among `addresses`."""
        known, notice = set(addresses), self
        for delivery in self.deliveries:
            problem = delivery.problem if delivery.address in known else "the address was removed from the settings"
            if not delivery.is_settled and (delivery.address not in known or self._was_patient(delivery)):
                given_up = replace(delivery, given_up_at=utc_now(), problem=problem)
                notice = notice.with_delivery(given_up)
        return notice

    def write(self) -> None:
        """Replace the file. Raises OSError."""
        content: dict[str, Any] = asdict(self)
        del content["path"]
        write_json(self.path, content)

    def _was_patient(self, delivery: Delivery) -> bool:
        tried_s = seconds_between(self.created_at, delivery.attempted_at)
        return tried_s is not None and tried_s > PATIENCE_S
