"""Start runs now, or let them wait in the queue."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from app.runs.exceptions import DiskFull, LaunchFailed, NoRoom, QueueWaits, RunActive, RunError, RunsUnreadable
from app.runs.executors.executor import Executor, Needs
from app.runs.queue.entry import Entry
from app.runs.queue.queue import Queue
from app.runs.start import disk
from app.runs.start.directory import write_run
from app.runs.start.planner import Plan, Planner
from app.runs.start.request import StartRequest
from app.runs.start.resume import lost_parent
from app.runs.store.newrun import NewRun
from app.runs.store.run import Run
from app.runs.store.states import QUEUED
from app.runs.store.store import RunStore
from trainer.rundir import cache_dir, is_there


@dataclass(frozen=True)
class Started:
    """The answer to a start: the run, and its place in the queue if it waits there."""

    run: Run
    position: int | None = None

    @property
    def is_queued(self) -> bool:
        return self.run.state == QUEUED


@dataclass(frozen=True)
class Checked:
    """A valid request, and the reasons why its start would be refused at this moment."""

    plan: Plan
    obstacles: list[RunError]


class RunService:
    """Start runs."""

    def __init__(
        self,
        store: RunStore,
        executor: Executor,
        queue: Queue,
        planner: Planner,
        stop_grace_s: float,
        min_free_mb: int,
    ) -> None:
        self._store = store
        self._executor = executor
        self._queue = queue
        self._planner = planner
        self._stop_grace_s = stop_grace_s
        self._min_free_mb = min_free_mb

    def check(self, asked: StartRequest) -> Checked:
        """Return the plan of a start. Raises NotFound and InvalidStart as `start` does.

        Does not check what takes long: the content of the images, and whether the network can be built.
        """
        plan = self._planner.validate(asked)
        obstacles: list[RunError] = []
        try:
            if not asked.queue:
                self._refuse_to_wait(plan.needs)
        except (RunActive, QueueWaits) as error:
            obstacles.append(error)
        try:
            self._refuse_without_room(plan)
        except DiskFull as error:
            obstacles.append(error)
        return Checked(plan, obstacles)

    def start(self, asked: StartRequest) -> Started:
        """Launch a run, and return when its program runs. Or let it wait, if it has to and the request allows it.

        Raises RunActive, QueueWaits, DiskFull, NotFound or InvalidStart before it writes anything, and LaunchFailed
        after.
        """
        try:
            return self._start(asked)
        except RunsUnreadable as error:
            raise LaunchFailed(str(error), None) from error

    def capacity(self) -> dict[str, Any]:
        """Describe what executes the runs, for clients."""
        return {"executor": self._executor.name, "num_gpus": self._executor.num_gpus}

    def obstacle(self, entry: Entry) -> str | None:
        """Say why a queued run cannot be launched at this moment, or None if it can be."""
        try:
            disk.refuse_without_room(self._folders(entry.as_run.is_of_our_trainer), self._min_free_mb)
        except DiskFull as error:
            return str(error)
        return self._executor.problem() or self._executor.obstacle(entry.needs)

    def missing(self, entry: Entry) -> str | None:
        """Say what a queued run needs that no longer exists, so it can never be launched. None: everything exists."""
        return lost_parent(self._store, entry.as_run)

    def _start(self, asked: StartRequest) -> Started:
        if not asked.queue:
            self._refuse_to_wait(Needs(gpus=0))  # Before anything that takes long.
        plan = self._planner.plan(asked)
        self._refuse_without_room(plan)
        must_wait = asked.queue and self._must_wait(plan.needs)
        if not asked.queue:
            self._refuse_to_wait(plan.needs)
        try:
            new = write_run(self._store, plan, self._stop_grace_s)
            if must_wait or not self._launch(new, plan.needs, asked.queue):
                return self._enqueue(new, asked.priority, plan.needs)
        except OSError as error:
            raise LaunchFailed(f"the run's files cannot be written: {error}", None) from error
        return Started(self._store.find(new.run.run_id))

    def _must_wait(self, needs: Needs) -> bool:
        if self._queue.is_paused or self._queue.waiting():
            return True
        return (self._executor.problem() or self._executor.obstacle(needs)) is not None

    def _refuse_to_wait(self, needs: Needs) -> None:
        if (obstacle := self._executor.obstacle(needs)) is not None:
            raise self._run_active(obstacle)
        if not self._queue.is_paused and (waiting := self._queue.waiting()):
            raise QueueWaits([entry.run_id for entry in waiting])

    def _run_active(self, obstacle: str | None) -> RunActive:
        active, pending = self._store.active(), self._store.pending()
        says_enough = len(active) == 1 and not pending
        why = None if says_enough else obstacle or "Another run has just started"
        return RunActive([run.run_id for run in (*active, *pending)], active[0].pid if active else None, why)

    def _refuse_without_room(self, plan: Plan) -> None:
        caches_images = plan.experiment.command is None and plan.experiment.data.cache
        disk.refuse_without_room(self._folders(caches_images), self._min_free_mb)

    def _folders(self, caches_images: bool) -> disk.Uses:
        runs_dir = self._store.runs_dir
        return {runs_dir: "runs", **({cache_dir(runs_dir): "decoded images"} if caches_images else {})}

    def _launch(self, new: NewRun, needs: Needs, may_wait: bool) -> bool:
        """Launch a new run. Return False if it has to wait, and may.

        Raises RunActive, LaunchFailed and OSError, and removes the run unless its runner began.
        """
        try:
            ref = self._executor.submit(new.run, needs, new.reveal)
        except NoRoom:
            if may_wait:
                return False
            new.discard()
            raise self._run_active(self._executor.obstacle(needs)) from None
        except (OSError, LaunchFailed):
            if not is_there(new.run.state):
                new.discard()
            raise
        with suppress(OSError):  # The disk may be full. The executor finds the run without the file.
            ref.write()
        return True

    def _enqueue(self, new: NewRun, priority: int, needs: Needs) -> Started:
        try:
            self._queue.add(new, priority, needs)
        except OSError:
            new.discard()
            raise
        return Started(self._store.find(new.run.run_id), self._queue.position(new.run.run_id))
