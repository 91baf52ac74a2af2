"""Call scancel without waiting for it, because it hangs while the controller is away."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from app.runs.executors.slurm.commands import Commands, SlurmError
from app.runs.executors.slurm.listing import Listings

logger = logging.getLogger(__name__)

AGAIN_AFTER_S = 10.0


class Cancellations:
    """The calls of scancel, each in a thread of its own."""

    def __init__(self, commands: Commands, listings: Listings) -> None:
        self._commands = commands
        self._listings = listings
        self._next_at: dict[tuple[str, str], float] = {}

    def is_due(self, what: str, run_id: str) -> bool:
        """Whether to repeat something that is requested many times a second. It is due again after AGAIN_AFTER_S."""
        key, now = (what, run_id), time.monotonic()
        if now < self._next_at.get(key, 0.0):
            return False
        self._next_at[key] = now + AGAIN_AFTER_S
        return True

    def begin(self, run_id: str, job_id: str, variants: Sequence[Sequence[str]]) -> None:
        """Call scancel once with each of the variants of its options, one after the other."""
        threading.Thread(target=self._cancel, args=(run_id, job_id, variants), daemon=True).start()

    def _cancel(self, run_id: str, job_id: str, variants: Sequence[Sequence[str]]) -> None:
        for options in variants:
            try:
                self._commands.run(["scancel", f"--name={run_id}", *options, job_id])
            except SlurmError as error:
                logger.info("Run %s: scancel of job %s: %s", run_id, job_id, error)
        self._listings.hurry()
