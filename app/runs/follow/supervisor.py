"""The thread that follows the active run and publishes what changed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from app.runs.complaints import Complaints
from app.runs.exceptions import NoRuns, RunNotFound
from app.runs.executors.local import processes
from app.runs.executors.local.lock import SupervisorLock
from app.runs.executors.local.prewarm import Prewarm
from app.runs.filestate import FileState, Remembered, file_state, file_states
from app.runs.follow.events import Event, SystemMeasured
from app.runs.follow.follower import Follower
from app.runs.follow.position import Attempts, Position
from app.runs.store.run import Run
from app.runs.store.states import has_verdict
from app.runs.store.store import RunStore
from trainer.rundir import RunDir
from trainer.runner.verdict import INTERRUPTED

logger = logging.getLogger(__name__)

MEASURE_EVERY_S = 1.0
LAUNCH_TAKES_AT_MOST_S = 30.0
MAX_PAST = 8
NOTHING_YET: dict[str, Any] = {
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
_REMOVED = "the run's directory was removed"


class Supervisor:
    """Follow whatever runs, now and next, from the lock and the files alone.

    Every server process does so for its own clients, and a restarted one goes on where the files are. What may happen
    once only (ending orphans, keeping a program warm) is done by the holder of the supervisor lock. One mutex orders
    the publishing and the catching up of newcomers, so that what a client is told on subscribing ends where its events
    begin.
    """

    def __init__(
        self,
        store: RunStore,
        lock: SupervisorLock,
        measure: Callable[[Run | None], dict[str, Any] | None],
        poll_interval_s: float,
        prewarm: Prewarm | None = None,
    ) -> None:
        self._store = store
        self._lock = lock
        self._publish: Callable[[Sequence[Event]], None] = _to_nobody
        self._measure = measure
        self._poll_interval_s = poll_interval_s
        self._prewarm = prewarm
        self._following: Follower | None = None
        self._past: dict[str, Remembered[Follower]] = {}
        """Followers of runs that are over; the one asked for last comes last."""
        self._has_looked = False
        self._measured_at = 0.0
        self._complaints = Complaints(logger, "The supervisor")
        self._mutex = threading.RLock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self, publish: Callable[[Sequence[Event]], None]) -> None:
        """Begin to follow. The thread calls `publish` with events of one run, or with the measures."""
        self._publish = publish
        self._thread.start()

    def stop(self) -> None:
        """Return once the thread has ended and another process may do what is done once."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._prewarm is not None:
            self._prewarm.end()
        self._lock.release()

    def _run(self) -> None:
        seen, pause_s, looked_at = self._glance(), self._poll_interval_s, 0.0
        while not self._stopping.wait(pause_s):
            if has_changed := self._glance() != seen:
                self._stopping.wait(self._poll_interval_s / 5)  # What belongs together is written one after the other.
            seen, began_at, cpu_s = self._glance(), time.monotonic(), time.thread_time()
            if has_changed or began_at - looked_at >= self._poll_interval_s:
                looked_at = began_at
                try:
                    self.poll()
                    self._complaints.succeeded()
                except Exception as error:
                    self._complaints.failed(error)
            # With many clients a look takes much of the processor. Then requests have as much, before the next one.
            pause_s = max(self._pause_s(has_changed), min(time.thread_time() - cpu_s, self._poll_interval_s))

    def _pause_s(self, has_changed: bool) -> float:
        """Until the next glance: soon, so that news are published soon; but not one right after the other, for those
        come to many clients and are drawn by pages.
        """
        if self._following is None or self._following.is_over:
            return self._poll_interval_s
        return self._poll_interval_s / (2 if has_changed else 5)

    def _glance(self) -> list[FileState | None]:
        """Times and sizes of the followed run's files. News that they do not show (some network file systems tell of
        them late, the metrics file may be a new one) wait for the next look.
        """
        following = self._following
        return [] if following is None or following.is_over else [file_state(file) for file in following.files]

    def poll(self) -> None:
        """Look once and publish what is new."""
        with self._mutex:
            try:
                self._follow()
            finally:
                self._act_each_second()

    def subscribe(
        self, run_id: str | None, position: Position, join: Callable[[], None], has_room: bool = True
    ) -> tuple[dict[str, Any], bool, Attempts | None]:
        """Tell a newcomer what it misses of a run (None: of the active or last one), whether that was all of it, and
        what its position refers to from now on.

        `join` is called at the very position where the telling ends. Without room for more than that it hears only the
        run's state. Raises RunNotFound.
        """
        with self._mutex:
            self.poll()
            try:
                follower = self._follower_of(run_id)
            except NoRuns:
                join()
                return NOTHING_YET, True, None
            told = follower.catch_up(position, has_room)
            join()
            return told, not follower.is_behind(told), follower.attempts

    def tell(self, run_id: str | None) -> dict[str, Any]:
        """Tell of a run (None: of the active or last one) what a subscription from its beginning would, of what was
        published. Raises RunNotFound.
        """
        with self._mutex:
            try:
                return self._follower_of(run_id).catch_up(Position())
            except NoRuns:
                return NOTHING_YET

    def position(self, run_id: str | None) -> list[Event]:
        """State where a run's streams (None: those of the followed run) stand; empty when there is no run."""
        with self._mutex:
            try:
                return self._follower_of(run_id).position()
            except (NoRuns, RunNotFound):
                return []

    def _follower_of(self, run_id: str | None) -> Follower:
        following = self._following
        if following is not None and run_id in (None, following.run.run_id) and self._exists(following.run):
            return following
        run = self._store.find(run_id) if run_id is not None else self._store.latest()
        if run is None:
            raise NoRuns
        return self._follower_of_past(run)

    def _follower_of_past(self, run: Run) -> Follower:
        """Look at a run that nobody publishes; one that is over is kept, for its page may ask for it in many pieces."""
        metrics = run.directory.find_metrics()
        files = [run.directory.path, run.directory.log, *([metrics.path] if metrics else [])]
        states, known = file_states(files), self._past.pop(run.run_id, None)
        if known is not None and known.is_current():
            follower = known.value
        else:
            follower, known = Follower(run), None
            follower.skip_to_end()
        follower.run = run
        if not run.is_active:
            self._past[run.run_id] = known or Remembered(follower, states)
        if len(self._past) > MAX_PAST:
            self._past.pop(next(iter(self._past)))
        return follower

    def _exists(self, run: Run) -> bool:
        return run.is_active or run.directory.path.is_dir()

    def _follow(self) -> None:
        if self._following is not None and not self._following.is_over:
            self._go_on(self._following)
        if self._following is None or self._following.is_over:  # Else no other one can have begun.
            named = self._store.named()
            if named is not None and (self._following is None or self._following.run.run_id != named):
                self._change_to(named)
        self._has_looked = True

    def _go_on(self, following: Follower) -> None:
        run = self._look_at(following.run)
        self._publish(following.read_new(run))
        if following.is_over and not has_verdict(run.record) and not self._has_runner(run):
            self._kill(run)  # Its runner, which would have ended everything, was killed.

    def _change_to(self, run_id: str) -> None:
        try:
            run = self._store.find(run_id)
        except RunNotFound:
            return
        self._following = Follower(run)
        if not self._has_looked:  # It went on before we did: its past is for those who ask.
            self._following.skip_to_end()
        self._go_on(self._following)

    def _look_at(self, run: Run) -> Run:
        """Read the run anew, also one whose directory is gone."""
        try:
            return self._store.find_again(run)
        except RunNotFound:
            active = self._store.active()
            if active is not None and active.run_id == run.run_id:
                return active
            return Run(run.directory, INTERRUPTED, _REMOVED, {})

    def _end_orphans(self, run: Run) -> None:
        """With the runner killed, end what it can no longer end; the lock then falls."""
        if self._has_runner(run):
            return
        if not run.record.get("runner") and _age_s(run.directory) < LAUNCH_TAKES_AT_MOST_S:
            return
        self._kill(run)

    def _has_runner(self, run: Run) -> bool:
        return processes.runner_pid(run.record, run.directory.path) is not None

    def _kill(self, run: Run) -> None:
        if not self._lock.is_held:
            return  # Another process looks after what may happen once.
        killed = self._store.kill_processes(run)
        if killed:
            logger.warning("Run %s: its runner is gone; killed what it left: %s", run.run_id, killed)

    def _act_each_second(self) -> None:
        now = time.monotonic()
        if now - self._measured_at < MEASURE_EVERY_S:
            return
        self._measured_at = now
        is_first = self._lock.try_acquire()
        following = self._following
        run = following.run if following is not None and not following.is_over else None
        if run is not None:
            self._end_orphans(run)
        if self._prewarm is not None and is_first:
            self._prewarm.tend(is_idle=run is None)
        measures = self._measure(run)
        if measures is not None:
            self._publish([SystemMeasured(measures)])


def _to_nobody(events: Sequence[Event]) -> None:
    """Publish nothing: the supervisor answers those who ask, and has not been started."""


def _age_s(run: RunDir) -> float:
    """Seconds since the directory was last written to; endless for one that is gone."""
    try:
        return time.time() - run.path.stat().st_mtime
    except OSError:
        return float("inf")
