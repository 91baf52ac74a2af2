"""Stop runs: with the intent on disk first, and with no process left behind."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

from app.runs.exceptions import NotQueued, OtherRunActive, SeveralActive
from app.runs.executors.executor import Executor, Found, Gone, Pending, Ref, Unreachable
from app.runs.names import is_plain_name
from app.runs.queue.ending import end_unlaunched
from app.runs.queue.queue import Queue
from app.runs.store.run import Run
from app.runs.store.states import QUEUED
from app.runs.store.store import RunStore
from trainer.rundir import RunDir, utc_now, write_json
from trainer.runner.statefile import AlreadyLaunched
from trainer.runner.verdict import NEVER_LAUNCHED, STOPPED, is_disk_full

MODES = ("save", "discard")
_CHECK_EVERY_S = 0.02
_KILL_MARGIN_S = 10.0
"""After the grace period, the time that the runner has to kill everything before the service does."""


@dataclass(frozen=True)
class Stopped:
    """The answer to a stop. `status` is stopped, stopping or not_running."""

    status: str
    run_id: str | None


class Stops:
    """Stop active and queued runs."""

    def __init__(self, store: RunStore, executor: Executor, queue: Queue, stop_grace_s: float) -> None:
        self._store = store
        self._executor = executor
        self._queue = queue
        self._stop_grace_s = stop_grace_s

    def stop(self, run_id: str | None, mode: str, wait: bool, requested_by: str) -> Stopped:
        """Ask an active run to stop, or take a queued run out of the queue. With `wait`, return when it is over.

        The mode "save" keeps the work, and "discard" is quick. A discard may follow a save that takes too long. Raises
        OtherRunActive if `run_id` is given and only other runs are active, and SeveralActive if it is not given and
        more than one run is active.
        """
        run = self._choose(run_id)
        if run is None:
            return Stopped("not_running", None)
        grace_s, ref = self._grace_s(run), Ref.read(run.directory)
        _write_stop(run.directory, mode, requested_by, grace_s)
        if run.state == QUEUED:  # The dispatcher removes the entry of an active run.
            self._queue.remove(run.directory)
            if isinstance(self._find(ref), Gone):
                return Stopped("stopped", run.run_id)  # A runner that begins now sees stop.json.
        self._executor.signal(ref)
        is_over = wait and self._wait_for_end(ref, grace_s)
        return Stopped("stopped" if is_over else "stopping", run.run_id)

    def cancel(self, run_id: str, requested_by: str) -> None:
        """Take a run out of the queue. Unlike `stop`, this never ends a run that has just begun.

        Raises RunNotFound, NotQueued and OSError.
        """
        run = self._store.find(run_id)
        if run.state != QUEUED:
            raise NotQueued(run_id, run.state)
        try:
            end_unlaunched(run.directory, STOPPED, NEVER_LAUNCHED)
        except AlreadyLaunched:
            raise NotQueued(run_id, self._store.find(run_id).state) from None
        except OSError:
            if not is_disk_full(run.directory.path):
                raise
            # Nothing is launched onto a full disk, so stop.json alone keeps the run from it.
        ref = Ref.read(run.directory)
        _write_stop(run.directory, "save", requested_by, self._grace_s(run))
        self._queue.remove(run.directory)
        if not isinstance(self._find(ref), Gone):
            self._executor.signal(ref)  # It waits in the executor's own queue.

    def _choose(self, run_id: str | None) -> Run | None:
        active = self._store.active()
        if run_id is None:
            if len(active) > 1:
                raise SeveralActive([run.run_id for run in active])
            return next(iter(active), None)
        found = [*(run for run in active if run.run_id == run_id), *self._queued(run_id)]
        if not found and active:
            raise OtherRunActive(run_id, [run.run_id for run in active])
        return next(iter(found), None)

    def _queued(self, run_id: str) -> list[Run]:
        return [run for run in self._store.read(filter(is_plain_name, [run_id])) if run.state == QUEUED]

    def _find(self, ref: Ref) -> Found:
        return self._executor.find([ref])[ref.run_id]

    def _grace_s(self, run: Run) -> float:
        """Return the grace period in run.json, or the one of the settings."""
        grace_s = (run.on_stop or {}).get("grace_s")
        return float(grace_s) if isinstance(grace_s, int | float) else self._stop_grace_s

    def _wait_for_end(self, ref: Ref, grace_s: float) -> bool:
        """Return True when the run is gone. Return False if its executor is away and may be for long."""
        deadline = time.monotonic() + grace_s + _KILL_MARGIN_S
        while not isinstance(found := self._find(ref), Gone):
            is_late = time.monotonic() > deadline
            if isinstance(found, Unreachable) and (is_late or isinstance(found.last, Pending)):
                return False
            if is_late:
                self._executor.end(ref)
            time.sleep(_CHECK_EVERY_S)
        return True


def _write_stop(run: RunDir, mode: str, requested_by: str, grace_s: float) -> None:
    """Write the intent to disk before any signal, so that a stop is never taken for a crash."""
    stop = {
        "requested_by": requested_by,
        "requested_at": utc_now(),
        "mode": mode,
        "grace_s": grace_s,
    }
    try:
        write_json(run.stop, stop)
    except OSError:
        # A full disk still has room for an empty file. A missing directory must not prevent the stop.
        with suppress(OSError):
            run.stop.touch()
