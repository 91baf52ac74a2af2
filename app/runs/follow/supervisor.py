"""The thread that follows the active run and publishes what changed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from app.runs.complaints import Complaints
from app.runs.exceptions import NoRuns, RunNotFound
from app.runs.executors.local.lock import SupervisorLock
from app.runs.executors.local.prewarm import Prewarm
from app.runs.follow.events import Event, SystemMeasured
from app.runs.follow.followers import Followers
from app.runs.follow.orphans import Orphans
from app.runs.follow.position import Attempts, Position
from app.runs.store.run import Run
from app.runs.store.store import RunStore

logger = logging.getLogger(__name__)

MEASURE_EVERY_S = 1.0
NO_RUNS: dict[str, Any] = {
    "run": None,
    "progress": None,
    "columns": [],
    "from_row": 0,
    "rows": [],
    "non_finite": {},
    "text_columns": [],
    "directions": {},
    "num_skipped_rows": 0,
    "attempt": None,
    "num_rows": 0,
    "skipped_rows": [],
    "metrics_problem": None,
    "log": {"offset": 0, "next_offset": 0, "end": 0, "text": ""},
    "epochs": [],
}
"""What a subscriber gets while there is no run."""


class Subscription(NamedTuple):
    """What a client gets when it subscribes. `attempts`: what its position refers to from now on."""

    body: dict[str, Any]
    is_complete: bool
    attempts: Attempts | None


class Supervisor:
    """Follow the active run and publish its events, once a thread was started.

    Every server process does so for its own clients. The holder of the supervisor lock also does what may happen only
    once: kill orphans and keep a prewarmed process. One mutex orders publishing and catching up. So the answer to a
    subscription ends where the client's events begin.
    """

    def __init__(
        self,
        store: RunStore,
        lock: SupervisorLock,
        measure: Callable[[Run | None], dict[str, Any] | None],
        poll_interval_s: float,
        prewarm: Prewarm | None = None,
    ) -> None:
        self._lock = lock
        self._publish: Callable[[Sequence[Event]], None] = _discard
        self._measure = measure
        self._poll_interval_s = poll_interval_s
        self._prewarm = prewarm
        self._followers = Followers(store)
        self._orphans = Orphans(store, lock)
        self._measured_at = 0.0
        self._complaints = Complaints(logger, "The supervisor")
        self._mutex = threading.RLock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self, publish: Callable[[Sequence[Event]], None]) -> None:
        """Start the thread. It calls `publish` with events of one run, or with the measures."""
        self._publish = publish
        self._thread.start()

    def stop(self) -> None:
        """Return once the thread has ended and another process may take the supervisor lock."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._prewarm is not None:
            self._prewarm.end()
        self._lock.release()

    def poll(self) -> None:
        """Read once and publish what is new."""
        with self._mutex:
            try:
                for run, events in self._followers.read_new():
                    self._publish(events)
                    if not run.is_active:
                        self._orphans.end(run)
            finally:
                self._act_each_second()

    def subscribe(
        self, run_id: str | None, position: Position, join: Callable[[], None], has_room: bool = True
    ) -> Subscription:
        """Return what a client lacks of a run (None: of the active or last one).

        `join` is called exactly where the answer ends, so no event is missed and none comes twice. A client without
        room for more gets only the run's state. Raises RunNotFound.
        """
        with self._mutex:
            self.poll()
            try:
                follower = self._followers.find(run_id)
            except NoRuns:
                join()
                return Subscription(NO_RUNS, True, None)
            body = follower.catch_up(position, has_room)
            join()
            return Subscription(body, not follower.is_behind(body), follower.attempts)

    def describe(self, run_id: str | None) -> dict[str, Any]:
        """Return what a subscription from the start of a run (None: of the active or last one) would answer.

        It ends where the last poll ended. Raises RunNotFound.
        """
        with self._mutex:
            try:
                return self._followers.find(run_id).catch_up(Position())
            except NoRuns:
                return NO_RUNS

    def position(self, run_id: str | None) -> list[Event]:
        """State where a run's streams are (None: those of the active or last run). Empty if there is no such run."""
        with self._mutex:
            try:
                return self._followers.find(run_id).position()
            except (NoRuns, RunNotFound):
                return []

    def _run(self) -> None:
        known, pause_s, polled_at = self._followers.states, self._poll_interval_s, 0.0
        while not self._stopping.wait(pause_s):
            if has_changed := self._followers.states != known:
                self._stopping.wait(self._poll_interval_s / 5)  # A program writes what belongs together in a row.
            known, began_at, cpu_s = self._followers.states, time.monotonic(), time.thread_time()
            if has_changed or began_at - polled_at >= self._poll_interval_s:
                polled_at = began_at
                try:
                    self.poll()
                    self._complaints.succeeded()
                except Exception as error:
                    self._complaints.failed(error)
            # With many clients a poll takes much of the processor. Then requests get as much before the next one.
            pause_s = max(self._pause_s(has_changed), min(time.thread_time() - cpu_s, self._poll_interval_s))

    def _pause_s(self, has_changed: bool) -> float:
        """Seconds until the next check of the files.

        Short, so that news are published soon. Longer after news, because many clients receive and pages draw them.
        """
        if self._followers.current is None:
            return self._poll_interval_s
        return self._poll_interval_s / (2 if has_changed else 5)

    def _act_each_second(self) -> None:
        now = time.monotonic()
        if now - self._measured_at < MEASURE_EVERY_S:
            return
        self._measured_at = now
        is_first, run = self._lock.try_acquire(), self._followers.current
        if run is not None:
            self._orphans.end(run)
        if self._prewarm is not None and is_first:
            self._prewarm.tend(is_idle=run is None)
        if (measures := self._measure(run)) is not None:
            self._publish([SystemMeasured(measures)])


def _discard(events: Sequence[Event]) -> None:
    """Publish nothing. A supervisor that was not started still answers subscriptions."""
