"""The thread that follows the active runs and publishes their events."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from app.runs.collect.runmetrics import RunMetrics
from app.runs.complaints import Complaints
from app.runs.exceptions import NoRuns, RunNotFound
from app.runs.executors.executor import Executor, Ref
from app.runs.filelock import SupervisorLock
from app.runs.follow.events import MAX_QUEUED_IDS, EpochChanged, Event, QueueChanged, RunChanged, SystemMeasured
from app.runs.follow.follower import Follower
from app.runs.follow.followers import Followers
from app.runs.follow.position import Attempts, Position
from app.runs.queue.queue import Queue
from app.runs.store.notes import Noted
from app.runs.store.run import Run
from app.runs.store.store import Living, RunStore
from app.runs.usage.recorder import UsageRecorder

T = TypeVar("T")

logger = logging.getLogger(__name__)

MEASURE_EVERY_S = 1.0
MAX_PUBLISH_S = 0.25
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
"""The answer to a subscriber while there is no run."""


class Subscription(NamedTuple):
    """The answer to a subscription. `attempts` are the attempts that the client's position refers to from now on."""

    body: dict[str, Any]
    is_complete: bool
    attempts: Attempts | None


class Supervisor:
    """The supervisor of the active runs. After `start`, its thread publishes their events.

    Every server process has a supervisor for its own clients. The holder of the supervisor lock also tends the
    executor, which only one process may do. One mutex orders publishing and catching up, so the answer to a
    subscription ends where the client's events begin.
    """

    def __init__(
        self,
        store: RunStore,
        executor: Executor,
        queue: Queue,
        metrics: RunMetrics,
        lock: SupervisorLock,
        measure: Callable[[Sequence[Run]], dict[str, Any]],
        poll_interval_s: float,
    ) -> None:
        self._store = store
        self._executor = executor
        self._queue = queue
        self._published_queue: QueueChanged | None = None
        self._lock = lock
        self._publish: Callable[[Sequence[Event]], None] = _discard
        self._measure = measure
        self._poll_interval_s = poll_interval_s
        self._followers = Followers(store, queue, metrics)
        self._noted = Noted(store.runs_dir.parent)
        self._usage = UsageRecorder()
        self._measured_at = 0.0
        self.polled_at = time.time()
        """When the thread last read the runs without an error: seconds since 1970."""
        self._complaints = Complaints(logger, "The supervisor")
        self._mutex = threading.RLock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    @property
    def latest_run_id(self) -> str | None:
        """The run that clients follow if they name none."""
        return self._followers.latest_run_id

    def start(self, publish: Callable[[Sequence[Event]], None]) -> None:
        """Start the thread. Each call of `publish` gets events of one run, or the measures."""
        self._publish = publish
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, close the executor, and release the supervisor lock for another process."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._usage.close()
        self._executor.close()
        self._lock.release()

    def poll(self) -> None:
        """Read once and publish the new events."""
        with self._mutex:
            try:
                living = self._store.living()
                self._publish_queue(living)
                self._publish_noted()
                self._publish_new(living)
            finally:
                self._act_each_second()

    def subscribe(
        self, run_id: str | None, position: Position, join: Callable[[], None], has_room: bool = True
    ) -> Subscription:
        """Return what a client lacks of a run (None: of the latest one).

        Calls `join` exactly where the answer ends, so the client misses no event and gets no event twice. A client
        without room for more gets only the run's state. Raises RunNotFound.
        """

        def answer(follower: Follower | None) -> Subscription:
            body = follower.catch_up(position, has_room) if follower is not None else NO_RUNS
            join()
            if follower is None:
                return Subscription(body, True, None)
            return Subscription(body, not follower.is_behind(body), follower.attempts)

        return self._use_follower(run_id, answer, position)

    def describe(self, run_id: str | None) -> dict[str, Any]:
        """Return the answer to a subscription from the start of a run (None: of the latest one).

        The answer ends where the last poll ended. Raises RunNotFound.
        """
        return self._use_follower(run_id, lambda each: each.catch_up(Position()) if each is not None else NO_RUNS)

    def position(self, run_id: str | None) -> list[Event]:
        """Return the position of a run's streams (None: of the latest one). Empty if there is no such run.

        It is also empty for a past run that no client requested lately, because reading that run may take long.
        """
        with self._mutex:
            try:
                follower = self._followers.published(run_id)
                follower = follower or self._followers.past.known(self._followers.find(run_id).run_id)
            except (NoRuns, RunNotFound):
                return []
            return follower.position() if follower is not None else []

    def _use_follower(
        self, run_id: str | None, use: Callable[[Follower | None], T], position: Position | None = None
    ) -> T:
        """Call `use` under the mutex with the follower of a run, or with None if there is no run at all.

        With the `position` of a client this polls first, and waits while a new process has not read as far as the
        client. Otherwise the client would drop what it has. This reads a past run before it takes the mutex, so other
        clients do not wait. Raises RunNotFound.
        """
        past: Follower | None = None
        while True:
            with self._mutex:
                if position is not None:
                    self.poll()
                if (follower := self._followers.published(run_id)) is not None:
                    if position is None or not follower.may_reach(position):
                        return use(follower)
                    continue
                try:
                    run = self._followers.find(run_id)
                except NoRuns:
                    return use(None)
                if past is not None and past.run.run_id == run.run_id:
                    return use(past)
            past = self._followers.past.follower(run)

    def _publish_new(self, living: Living) -> None:
        """Publish the new events for about MAX_PUBLISH_S, because subscribers wait meanwhile. The next call continues.

        It does not stop between an epoch and its rows, so a follower's position always matches what was published.
        """
        started_at = time.monotonic()
        for run, events in self._followers.read_new(living):
            self._publish(events)
            if run.is_over and self._lock.is_held:
                self._tend([run])
            is_complete = not events or not isinstance(events[-1], EpochChanged)
            if is_complete and time.monotonic() - started_at > MAX_PUBLISH_S:
                return
            time.sleep(0)  # Let other green threads run.

    def _publish_queue(self, living: Living) -> None:
        ids = self._queue.ids(living)
        event = QueueChanged(self._queue.is_paused, len(ids), ids[:MAX_QUEUED_IDS])
        if event != self._published_queue:
            self._published_queue = event
            self._publish([event])

    def _publish_noted(self) -> None:
        """Publish the runs whose notes have changed, those of the active runs with their other events."""
        for run_id in self._noted.read():
            if not self._followers.publish_again(run_id):
                with suppress(RunNotFound):
                    self._publish([RunChanged(run_id, self._followers.find(run_id).snapshot())])

    def _run(self) -> None:
        known, pause_s, polled_at = self._followers.states, self._poll_interval_s, 0.0
        while not self._stopping.wait(pause_s):
            if has_changed := self._followers.states != known:
                self._stopping.wait(self._poll_interval_s / 5)  # A program writes related files one after the other.
            known, started_at, cpu_s = self._followers.states, time.monotonic(), time.thread_time()
            if has_changed or self._followers.has_unread or started_at - polled_at >= self._poll_interval_s:
                polled_at = started_at
                try:
                    self.poll()
                    self.polled_at = time.time()
                    self._complaints.succeeded()
                except Exception as error:
                    self._complaints.failed(error)
            # With many clients a poll takes much CPU time. Requests then get as much time before the next poll.
            pause_s = max(self._pause_s(has_changed), min(time.thread_time() - cpu_s, self._poll_interval_s))

    def _pause_s(self, has_changed: bool) -> float:
        """Return the seconds until the next check of the files.

        The pause is short, so that events are published soon. It is longer after a change, because many clients receive
        the events and pages draw them.
        """
        if not self._followers.active:
            return self._poll_interval_s
        return self._poll_interval_s / (2 if has_changed else 5)

    def _act_each_second(self) -> None:
        now = time.monotonic()
        if now - self._measured_at < MEASURE_EVERY_S:
            return
        self._measured_at = now
        active = self._followers.active
        if is_holder := self._lock.try_acquire():
            self._tend(active)
        measures = self._measure(active)
        self._publish([SystemMeasured(measures)])
        if is_holder:
            self._usage.record(active, measures)
        else:
            self._usage.forget()

    def _tend(self, runs: Sequence[Run]) -> None:
        self._executor.tend([Ref.read(run.directory) for run in runs], self._queue.awaits_our_trainer)


def _discard(events: Sequence[Event]) -> None:
    """Publish nothing. A supervisor that has not been started still answers subscriptions."""
