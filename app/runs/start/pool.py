"""Limit the number of processes, and queue a bounded number of callers for them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol, TypeVar

from app.runs.exceptions import Busy

_CHECK_EVERY_S = 0.02


class Process(Protocol):
    def poll(self) -> int | None: ...


P = TypeVar("P", bound=Process)


class Pool:
    """Start a limited number of processes that read images, so that a burst of requests does not fill the memory.

    A caller sleeps in its own thread until its turn. Under eventlet that is a green thread, so it occupies none of the
    few real threads.
    """

    def __init__(self, what: str, size: int, max_waiting: int) -> None:
        """`what` completes the message "Too many ... at the same time"."""
        self._what = what
        self._size = size
        self._max_waiting = max_waiting
        self._mutex = threading.Lock()
        self._running: list[Process] = []
        self._waiting: deque[object] = deque()

    def start(self, launch: Callable[[], P], wait_s: float, is_urgent: bool = False) -> P | None:
        """Launch a process when it is the caller's turn. Return None if that takes longer than `wait_s` seconds.

        An urgent caller goes first, and the queue always has room for it. Raises Busy if the queue is full, and what
        `launch` raises.
        """
        turn, deadline = object(), time.monotonic() + wait_s
        self._queue(turn, is_urgent)
        try:
            while (process := self._launch_in_turn(turn, launch)) is None and time.monotonic() < deadline:
                time.sleep(_CHECK_EVERY_S)
            return process
        finally:
            with self._mutex:
                self._waiting.remove(turn)

    @property
    def num_waiting(self) -> int:
        return len(self._waiting)

    def _queue(self, turn: object, is_urgent: bool) -> None:
        with self._mutex:
            if is_urgent:
                self._waiting.appendleft(turn)
            elif len(self._waiting) < self._max_waiting:
                self._waiting.append(turn)
            else:
                raise Busy(self._what)

    def _launch_in_turn(self, turn: object, launch: Callable[[], P]) -> P | None:
        with self._mutex:
            self._running = [process for process in self._running if process.poll() is None]
            if self._waiting[0] is not turn or len(self._running) >= self._size:
                return None
            process = launch()
            if process not in self._running:
                self._running.append(process)
            return process
