"""A job as squeue lists it."""

from __future__ import annotations

from dataclasses import dataclass

FORMAT = "%i|%T|%N|%l|%r|%Z"
"""The fields of Job in squeue's notation. The last one may contain any character."""

PENDING = frozenset({"PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"})
ENDED = frozenset(
    {
        *("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY"),
        *("NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "DEADLINE", "REVOKED"),
    }
)


@dataclass(frozen=True)
class Job:
    job_id: str
    state: str
    node: str | None
    time_limit: str
    reason: str | None
    """Why the job waits. None: SLURM has not said yet."""
    folder: str
    """The job's working directory, which is that of its run."""

    @property
    def is_pending(self) -> bool:
        return self.state in PENDING

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @classmethod
    def parse(cls, line: str) -> Job:
        """Parse a line in FORMAT. Raises ValueError."""
        job_id, state, node, limit, reason, folder = line.split("|", 5)
        return cls(job_id, state, node or None, limit, None if reason in ("", "None") else reason, folder)
