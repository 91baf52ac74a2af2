"""A stop in progress: which processes get the signal, in which order and until when. Standard library only."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

from trainer.runner import process

CHECK_EVERY_S = 0.1
FILTER_ENDS_WITHIN_S = 1.0
"""How long a process that reads a pipe has to finish by itself after its last writer has exited."""
STUCK_AFTER = 1 / 3
"""The share of the grace after which a process that has only waited since the signal counts as stuck."""


class Shutdown:
    """Ask the processes of a run to end, from the top down, and measure the grace period.

    Only the leader gets the signal first. Its helpers, such as loader processes, would die of the signal at once, and
    the leader would fail instead of saving. When the leader has exited, the processes that are left did the real work:
    the child of a shell, or the program of a launcher. The runner adopts them, so they are at the top and get the
    signal next, and so on down.

    Two more rules are for shells:
    - A process that reads a pipe from another one (`train | tee log`) gets the signal only after its writers have
      exited. It exits by itself then. If it went first, the writers could not finish.
    - A process is stuck if it ignores the signal or has only waited since (a shell defers its trap until its child
      exits). The children of a stuck process get the signal too. With `leads_alone` no process counts as stuck,
      because our own trainer passes the stop on by itself.
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
        """By pid: the work that the process had done when that last changed, and when it changed."""
        self._fed_at: dict[int, float] = {}

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._deadline

    @property
    def wait_s(self) -> float:
        """How long to wait for a signal before the next call of `pass_on`."""
        return max(0.0, min(self._deadline - time.monotonic(), CHECK_EVERY_S))

    def repeat(self, is_leader_alive: bool) -> None:
        """Send the signal again to every process that got it, because of another stop request.

        The leader gets it at once, the others after a check that they are still descendants.
        """
        if is_leader_alive:
            self._send(self._leader)
        others = self.asked - {self._leader}
        for pid in others & process.descendants(os.getpid(), process.parents()) if others else ():
            self._send(pid)

    def pass_on(self, is_leader_alive: bool) -> dict[int, str]:
        """Send the signal to every process whose turn has come. Return their command lines by pid, without the leader.

        The command lines are from before the signal, because a process that has exited has none.
        """
        if is_leader_alive and self._leader not in self.asked:
            self.asked.add(self._leader)
            self._send(self._leader)
            return {}
        of = process.parents()
        if not of:
            self._pass_on_blindly(is_leader_alive)
            return {}
        turn = {
            pid: process.command_line(pid)
            for pid in self._at_the_top(of)
            if pid not in self.asked and not self._is_filter(pid, of)
        }
        for pid in turn:
            self.asked.add(pid)
            self._send(pid)
        return turn

    def _pass_on_blindly(self, is_leader_alive: bool) -> None:
        """Without /proc, send the signal to the leader's whole group once the leader has exited."""
        if not is_leader_alive and self._leader in self.asked:
            self.asked = set()
            with contextlib.suppress(OSError):
                os.killpg(self._leader, self.number)

    def _at_the_top(self, of: dict[int, int]) -> Iterator[int]:
        """Yield the runner's own children and the children of stuck processes."""
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
        """Whether the process reads what another process of the run writes, or did so a moment ago."""
        now = time.monotonic()
        if process.is_fed_by(pid, process.descendants(os.getpid(), of)):
            self._fed_at[pid] = now
        return now - self._fed_at.get(pid, float("-inf")) < FILTER_ENDS_WITHIN_S

    def _send(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # It has exited or became another user's.
            os.kill(pid, self.number)
