"""Ask SLURM for all jobs without waiting for the answer."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

from app.runs import child
from app.runs.executors.slurm.commands import Commands, explain
from app.runs.executors.slurm.job import FORMAT, Job

logger = logging.getLogger(__name__)

EVERY_S = 2.0
IDLE_S = 28.0
"""How much later we ask while no run may live."""
HURRIES_AFTER_S = 0.2
ANSWERS_WITHIN_S = 5.0
"""After this time without an answer SLURM counts as unreachable, though it may still answer."""
GIVEN_UP_AFTER_S = 60.0


@dataclass(frozen=True)
class Listing:
    """The jobs of this user at one moment, by their working directory."""

    jobs: Mapping[str, Job] = field(default_factory=dict)
    begun_at: float = float("-inf")
    """When we asked, by time.monotonic(). SLURM knew every earlier job."""


class _Inquiry:
    """A running squeue."""

    def __init__(self, commands: Commands) -> None:
        self.begun_at, self.begun_at_utc = time.monotonic(), _utc_now()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        argv = ["squeue", "--noheader", "--states=all", f"--user={os.getuid()}", f"--format={FORMAT}"]
        try:
            self._process = commands.begin(argv, self._output, self._output)
        except OSError:
            self._output.close()
            raise

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.begun_at

    def exit_code(self) -> int | None:
        return self._process.poll()

    def answer(self) -> str:
        """Return what it has printed, including errors."""
        return child.printed(self._output)

    def end(self) -> None:
        with self._output:
            self._process.kill()
            self._process.wait()


class Listings:
    """The last list of jobs. `advance` requests the next one and takes the answer when it arrives.

    It needs no thread: callers of the list call `advance` many times a second, which never waits.
    """

    def __init__(
        self, commands: Commands, every_s: float = EVERY_S, answers_within_s: float = ANSWERS_WITHIN_S
    ) -> None:
        self.last = Listing()
        self.problem: str | None = None
        """Why the last inquiry got no answer."""
        self.unreachable_since: str | None = None
        """When the first inquiry without an answer began. UTC, ISO 8601. None: SLURM answers."""
        self._commands = commands
        self._every_s = every_s
        self._answers_within_s = answers_within_s
        self._inquiry: _Inquiry | None = None
        self._next_at = 0.0
        self._failed_at = float("-inf")
        self._mutex = threading.Lock()

    def hurry(self) -> None:
        """Ask again soon, because a job was added or is about to end."""
        self._next_at = min(self._next_at, time.monotonic() + HURRIES_AFTER_S)

    def advance(self, is_idle: bool = False) -> None:
        """Take the answer if it has come. Ask again if it is time. Does nothing if another thread does it.

        `is_idle`: no run may live, so the list is not needed soon. But we soon need to know that SLURM answers again.
        """
        if not self._mutex.acquire(blocking=False):
            return
        try:
            if self._inquiry is not None:
                self._take_answer(self._inquiry)
            delay_s = IDLE_S if is_idle and self.problem is None else 0.0
            if self._inquiry is None and time.monotonic() >= self._next_at + delay_s:
                self._ask()
        finally:
            self._mutex.release()

    def wait(self) -> None:
        """Ask now, and return when SLURM has answered or `answers_within_s` have passed."""
        begun_at = time.monotonic()
        self._next_at = begun_at
        while max(self.last.begun_at, self._failed_at) < begun_at:
            self.advance()
            time.sleep(0.01)

    def close(self) -> None:
        """End a running inquiry."""
        with self._mutex:
            if self._inquiry is not None:
                self._inquiry.end()
            self._inquiry = None

    def _ask(self) -> None:
        self._next_at = time.monotonic() + self._every_s
        try:
            self._inquiry = _Inquiry(self._commands)
        except OSError as error:
            self._fail(_utc_now(), f"cannot execute squeue: {error.strerror or error}")

    def _take_answer(self, inquiry: _Inquiry) -> None:
        exit_code = inquiry.exit_code()
        if exit_code is None:
            if inquiry.age_s > self._answers_within_s:
                self._fail(inquiry.begun_at_utc, "squeue got no answer")
            if inquiry.age_s <= GIVEN_UP_AFTER_S:
                return
        answer = inquiry.answer()
        inquiry.end()
        self._inquiry = None
        if exit_code == 0:
            self.last = Listing(_parse(answer), inquiry.begun_at)
            if self.problem is not None:
                logger.warning("SLURM answers again.")
            self.problem = self.unreachable_since = None
        else:
            self._fail(inquiry.begun_at_utc, explain("squeue", answer))

    def _fail(self, since: str, problem: str) -> None:
        self._failed_at = time.monotonic()
        if self.problem is None:
            logger.warning("SLURM does not answer: %s. Until it does, its runs keep their state.", problem)
        self.unreachable_since = self.unreachable_since or since
        self.problem = problem


def _utc_now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _parse(answer: str) -> dict[str, Job]:
    """Parse the jobs by directory. Of several in one, the last that has not ended counts, as after a second launch."""
    jobs: dict[str, Job] = {}
    for line in answer.splitlines():
        try:
            job = Job.parse(line)
        except ValueError:
            continue
        known = jobs.get(job.folder)
        if known is None or known.has_ended:
            jobs[job.folder] = job
    return jobs
