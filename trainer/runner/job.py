"""What a runner needs as the job of a cluster. Standard library only.

A job may run on another machine than the service, so no lock shows that it lives. Its heartbeat does, on the shared
file system. A job also gets signals that a run on one machine does not get: SLURM announces the time limit, and tells
every process of a cancelled job to end.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from pathlib import Path

from trainer.runner import process
from trainer.runner.verdict import FAILED, INTERRUPTED

HEARTBEAT_EVERY_S = 5.0
TIME_LIMIT_SIGNAL = signal.SIGUSR1
"""What SLURM sends to the runner alone before the time limit (`sbatch --signal=B:USR1@SECONDS`)."""
END_SIGNALS = frozenset({signal.SIGTERM, TIME_LIMIT_SIGNAL})
SIGNALS_ARRIVE_WITHIN_S = 1.0
"""SLURM signals the processes of a cancelled job one after the other, in any order."""


class Job:
    """The heartbeat of a job, and what the signals that it gets mean."""

    def __init__(self, heartbeat: Path) -> None:
        self._heartbeat = heartbeat
        self._next_beat_at = time.monotonic()
        self._parent = os.getppid()
        # Without its slurmstepd the job would continue while SLURM gives its GPUs to others.
        process.end_with_parent(self._parent, signal.SIGTERM)

    @property
    def wait_s(self) -> float:
        """How long to wait for a signal before the next beat."""
        return max(0.0, self._next_beat_at - time.monotonic())

    def beat(self) -> bool:
        """Set the time of the heartbeat, by the clock of its file system, if it is due. Return whether it was due."""
        if self.wait_s > 0:
            return False
        self._next_beat_at = time.monotonic() + HEARTBEAT_EVERY_S
        with contextlib.suppress(OSError):  # The file system may be away for a while, or the run was deleted.
            self._heartbeat.touch()
        return True

    def explain(self, received: set[int]) -> tuple[str, str]:
        """Return the verdict and its reason for a run that was signalled to end without a requested stop.

        Call it when the program has ended: a killed slurmstepd is our parent until its last thread is gone.
        """
        if TIME_LIMIT_SIGNAL in received:
            return FAILED, "SLURM time limit reached"
        if os.getppid() != self._parent:
            return INTERRUPTED, f"slurmstepd, the process of SLURM that ran the job on {host()}, was killed"
        return INTERRUPTED, f"SLURM ended the job on {host()}: scancel, preemption or the end of the node"


def host() -> str:
    """Name this machine as SLURM does, or else as it calls itself."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def gpus() -> list[str] | None:
    """Return the GPUs that the run may use, as in CUDA_VISIBLE_DEVICES; None without a restriction."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return None if visible is None else [gpu for gpu in visible.split(",") if gpu]
