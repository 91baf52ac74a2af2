"""The thread that launches queued runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from app.runs.complaints import Complaints
from app.runs.exceptions import ExecutorAway, LaunchFailed, NoRoom
from app.runs.executors.executor import Executor
from app.runs.filelock import SupervisorLock
from app.runs.queue.entry import Entry
from app.runs.queue.queue import Queue
from trainer.rundir import RunDir, utc_now
from trainer.runner.statefile import AlreadyLaunched, StateFile
from trainer.runner.verdict import FAILED

logger = logging.getLogger(__name__)


class Dispatcher:
    """Launch the first run of the queue as soon as it can be. Only the holder of the supervisor lock does that."""

    def __init__(
        self,
        queue: Queue,
        executor: Executor,
        obstacle: Callable[[Entry], str | None],
        lock: SupervisorLock,
        poll_interval_s: float,
    ) -> None:
        """`obstacle` says why a run cannot be launched at this moment."""
        self._queue = queue
        self._executor = executor
        self._obstacle = obstacle
        self._lock = lock
        self._poll_interval_s = poll_interval_s
        self._complaints = Complaints(logger, "The dispatcher of the queue")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread. A launch that has begun is finished."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def step(self) -> bool:
        """Launch the first run if it can be. Return whether the next one can be tried at once. Raises OSError."""
        for run in self._queue.launched():
            self._queue.remove(run)  # An earlier dispatcher was killed, or could not write.
        waiting = [] if self._queue.is_paused else self._queue.waiting()
        if not waiting or self._obstacle(waiting[0]) is not None:
            return False
        return self._launch(waiting[0])

    def _launch(self, entry: Entry) -> bool:
        try:
            ref = self._executor.submit(entry.run, entry.needs, lambda: None)
        except (NoRoom, ExecutorAway):
            return False
        except LaunchFailed as error:
            _fail(entry.run, str(error))
        else:
            with suppress(OSError):  # The disk may be full. The executor finds the run without the file.
                ref.write()
        self._queue.remove(entry.run)
        return True

    def _run(self) -> None:
        while not self._stopping.wait(self._poll_interval_s):
            try:
                while self._lock.is_held and self.step() and not self._stopping.is_set():
                    pass
                self._complaints.succeeded()
            except Exception as error:
                self._complaints.failed(error)


def _fail(run: RunDir, reason: str) -> None:
    """Write the verdict of a run whose runner never began. Like a runner, this owns the run by creating state.json."""
    now = utc_now()
    verdict = {"state": FAILED, "reason": reason, "pid": None, "started_at": now, "ended_at": now}
    with suppress(AlreadyLaunched):  # A runner has written its own verdict.
        StateFile(run.state, verdict).close()
