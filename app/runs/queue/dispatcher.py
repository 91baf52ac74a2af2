"""The thread that launches queued runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from app.runs.duty import Duty
from app.runs.exceptions import ExecutorAway, LaunchFailed, NoRoom
from app.runs.executors.executor import Executor
from app.runs.filelock import SupervisorLock
from app.runs.queue.ending import end_unlaunched
from app.runs.queue.entry import Entry
from app.runs.queue.queue import Queue
from trainer.runner.statefile import AlreadyLaunched
from trainer.runner.verdict import FAILED


class Dispatcher(Duty):
    """Launch the first run of the queue as soon as it can be."""

    def __init__(
        self,
        queue: Queue,
        executor: Executor,
        obstacle: Callable[[Entry], str | None],
        missing: Callable[[Entry], str | None],
        lock: SupervisorLock,
        poll_interval_s: float,
    ) -> None:
        """`obstacle` says why a run cannot be launched now, and `missing` what it needs that no longer exists."""
        super().__init__("The queue's dispatcher", lock, poll_interval_s)
        self._queue = queue
        self._executor = executor
        self._obstacle = obstacle
        self._missing = missing

    def step(self) -> bool:
        """Launch the first run if possible. Return whether to try the next one immediately. Raises OSError."""
        for run in self._queue.launched():
            with suppress(OSError):  # It counts for nothing, so one that cannot be removed delays no other run.
                self._queue.remove(run)  # An earlier dispatcher was killed, or met a full disk.
        waiting = [] if self._queue.is_paused else self._queue.waiting()
        if not waiting or self._obstacle(waiting[0]) is not None:
            return False
        return self._launch(waiting[0])

    def _launch(self, entry: Entry) -> bool:
        try:
            if (missing := self._missing(entry)) is not None:
                raise LaunchFailed(missing, entry.run_id)
            ref = self._executor.submit(entry.run, entry.needs, lambda: None)
        except (NoRoom, ExecutorAway):
            return False
        except LaunchFailed as error:
            with suppress(AlreadyLaunched):  # A runner has written its own verdict, or the run was cancelled.
                end_unlaunched(entry.run, FAILED, str(error))
        else:
            with suppress(OSError):  # The disk may be full. The executor finds the run without the file.
                ref.write()
        self._queue.remove(entry.run)
        return True
