"""Whether a runner on another machine is alive: its heartbeat, by the clock of the shared file system."""

from __future__ import annotations

import os
import time
from pathlib import Path

from trainer.rundir import RunDir
from trainer.runfile import RunFile

OLD_AFTER_S = 30.0
"""A runner beats every 5 s. NFS may show a time some seconds late, and a busy server may delay a beat."""
SUBMISSION_TAKES_AT_MOST_S = 60.0
_COMPARE_CLOCKS_EVERY_S = 60.0


class Heartbeats:
    """Distinguish old from fresh heartbeats. The clocks of the machines need not agree."""

    def __init__(self, probe: Path) -> None:
        """`probe` is a file beside the runs that this class writes, to read the clock of the file system."""
        self._probe = probe
        self._compared_at = float("-inf")
        self._offset_s = 0.0

    def is_beating(self, run: RunDir) -> bool:
        """Whether the runner was alive within OLD_AFTER_S. False if it never began."""
        return self._age_s(run.file(run.heartbeat)) < OLD_AFTER_S

    def is_new(self, run: RunDir) -> bool:
        """Whether the run is so new that its submission may not be complete."""
        return self._age_s(run.file(run.run)) < SUBMISSION_TAKES_AT_MOST_S

    def _age_s(self, file: RunFile) -> float:
        """Return the time since the last change of a file. Infinite if it does not exist."""
        try:
            with file.open() as opened:  # Opening it makes NFS fetch its current time.
                return self._now() - os.fstat(opened.fileno()).st_mtime
        except OSError:
            return float("inf")

    def _now(self) -> float:
        """Return the time by the clock of the file system."""
        now = time.monotonic()
        if now - self._compared_at > _COMPARE_CLOCKS_EVERY_S:
            self._compared_at, self._offset_s = now, _clock(self._probe) - now
        return now + self._offset_s


def _clock(probe: Path) -> float:
    """Write a file and return its time. If it cannot be written, return the time of this machine."""
    try:
        probe.touch()
        with open(probe, "rb") as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()
