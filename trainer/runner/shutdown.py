"""A stop in progress: who gets the signal, in which order, until when. Standard library only."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

from trainer.runner import process

LOOK_EVERY_S = 0.1
FILTER_ENDS_WITHIN_S = 1.0
"""How long a process that reads a pipe gets to finish by itself after its last writer has ended."""
STUCK_AFTER = 1 / 3
"""The share of the grace after which a process that has only waited since the signal counts as stuck."""


class Shutdown:
    """Ask the processes of a run to end, from the top down, and say when the grace is over.

    The leader alone gets the signal first. Its helpers, such as loader processes, would die of it at once, and the
    leader would end in an error instead of saving. What is left when the leader has ended was its real work (a shell's
    child, what a launcher started). The runner adopts it, so it is at the top now and gets the signal, and so on down.

    Two more rules make that work for shells:
    - A process that reads a pipe from another one (`train | tee log`) is asked only after its writers have ended. It
      ends by itself then, and the writers could not finish if it went first.
    - A process that ignores the signal, or has done nothing since but wait (a shell defers its trap until its child
      ends), is stuck: its children get the signal too. With `leads_alone` there is no such rule: our own training
      program passes the stop on by itself.
    """

    def __init__(self, leader: int, number: signal.Signals, grace_s: float, leads_alone: bool) -> None:
        self.number = number
        self.grace_s = grace_s
        self.asked: set[int] = set()
        """The pids that got the signal."""
        self._leader = leader
        self._leads_alone = leads_alone
        self._deadline = time.monotonic() + grace_s
        self._work: dict[int, tuple[int | None, float]] = {}
        """Of each process asked, the work done when it last changed, and when that was."""
        self._fed_at: dict[int, float] = {}

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._deadline

    @property
    def wait_s(self) -> float:
        """How long to wait for anything to happen before the next look."""
        return max(0.0, min(self._deadline - time.monotonic(), LOOK_EVERY_S))

    def repeat(self, is_leader_alive: bool) -> None:
        """Send the signal again to everything that was asked: another stop request came.

        The leader gets it at once, and the others once they are known to be there still.
        """
        if is_leader_alive:
            self._send(self._leader)
        others = self.asked - {self._leader}
        for pid in others & process.descendants(os.getpid(), process.parents()) if others else ():
            self._send(pid)

    def pass_on(self, is_leader_alive: bool) -> list[int]:
        """Send the signal to every process whose turn has come, and return those besides the leader."""
        if is_leader_alive and self._leader not in self.asked:
            self.asked.add(self._leader)
            self._send(self._leader)
            return []
        of = process.parents()
        if not of:
            self._pass_on_blindly(is_leader_alive)
            return []
        turn = [pid for pid in self._at_the_top(of) if pid not in self.asked and not self._is_filter(pid, of)]
        for pid in turn:
            self.asked.add(pid)
            self._send(pid)
        return turn

    def _pass_on_blindly(self, is_leader_alive: bool) -> None:
        """Without /proc nobody can say what is left but the kernel: ask the leader's whole group once it has ended."""
        if not is_leader_alive and self._leader in self.asked:
            self.asked = set()
            with contextlib.suppress(OSError):
                os.killpg(self._leader, self.number)

    def _at_the_top(self, of: dict[int, int]) -> Iterator[int]:
        """Yield the runner's own children, and the children of processes that are stuck."""
        tops = {os.getpid()} | {pid for pid in self.asked if pid in of and self._is_stuck(pid)}
        return (pid for pid, parent in of.items() if parent in tops)

    def _is_stuck(self, pid: int) -> bool:
        if self._leads_alone:
            return False
        now, work = time.monotonic(), process.work_done(pid)
        before, since = self._work.get(pid, (None, now))
        if work is None or work != before:
            since = now
        self._work[pid] = work, since
        return now - since >= self.grace_s * STUCK_AFTER or process.ignores(pid, self.number)

    def _is_filter(self, pid: int, of: dict[int, int]) -> bool:
        """Whether it reads what another process of the run writes, or did a moment ago."""
        now = time.monotonic()
        if process.is_fed_by(pid, process.descendants(os.getpid(), of)):
            self._fed_at[pid] = now
        return now - self._fed_at.get(pid, float("-inf")) < FILTER_ENDS_WITHIN_S

    def _send(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # It ended, or became another user's.
            os.kill(pid, self.number)
