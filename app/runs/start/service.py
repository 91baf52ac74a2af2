"""Start and stop runs: with the intent on disk first, and with no process left behind."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

from app.runs.exceptions import (
    DiskFull,
    LaunchFailed,
    NoRoom,
    OtherRunActive,
    RunActive,
    RunError,
    SeveralActive,
)
from app.runs.executors import invocation
from app.runs.executors.executor import Executor, Gone, Needs, Ref
from app.runs.start import disk
from app.runs.start.planner import Plan, Planner
from app.runs.start.request import StartRequest
from app.runs.store.newrun import NewRun
from app.runs.store.run import Run
from app.runs.store.store import RunStore
from trainer.experiment.experiment import to_yaml
from trainer.manifest import write_manifest
from trainer.rundir import RunDir, cache_dir, is_there, utc_now, write_json, write_text

_LOOK_EVERY_S = 0.02
_KILL_MARGIN_S = 10.0
"""After the grace period, the time that the runner has to kill everything before the service does."""


@dataclass(frozen=True)
class Stopped:
    """The answer to a stop. `status` is stopped, stopping or not_running."""

    status: str
    run_id: str | None


@dataclass(frozen=True)
class Checked:
    """A valid request, and the reasons why its start would be refused at this moment."""

    plan: Plan
    obstacles: list[RunError]


class RunService:
    """Start and stop runs."""

    def __init__(
        self, store: RunStore, executor: Executor, planner: Planner, stop_grace_s: float, min_free_mb: int
    ) -> None:
        self._store = store
        self._executor = executor
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
            self._refuse_without_slot(plan.needs)
        except RunActive as error:
            obstacles.append(error)
        try:
            self._refuse_without_room(plan)
        except DiskFull as error:
            obstacles.append(error)
        return Checked(plan, obstacles)

    def start(self, asked: StartRequest) -> Run:
        """Launch a run, and return when its program runs.

        Raises RunActive, DiskFull, NotFound or InvalidStart before it writes anything, and LaunchFailed after.
        """
        self._refuse_without_slot(Needs(gpus=0))  # Before anything that takes long.
        plan = self._planner.plan(asked)
        self._refuse_without_room(plan)
        self._refuse_without_slot(plan.needs)
        try:
            new = self._write(plan)
            self._launch(new, plan.needs)
        except OSError as error:
            raise LaunchFailed(f"the run's files cannot be written: {error}", None) from error
        return self._store.find(new.run.run_id)

    def stop(self, run_id: str | None, mode: str, wait: bool, requested_by: str) -> Stopped:
        """Ask an active run to stop. With `wait`, return when no process of it is left.

        The mode "save" keeps the work, and "discard" is quick. A discard may follow a save that takes too long. Raises
        OtherRunActive if `run_id` is given and only other runs are active, and SeveralActive if it is not given and
        more than one run is active.
        """
        run = self._to_stop(run_id)
        if run is None:
            return Stopped("not_running", None)
        grace_s, ref = self._grace_s(run), Ref.read(run.directory)
        self._write_stop(run.directory, mode, requested_by, grace_s)
        self._executor.signal(ref)
        if not wait:
            return Stopped("stopping", run.run_id)
        self._wait_for_end(ref, grace_s)
        return Stopped("stopped", run.run_id)

    def _to_stop(self, run_id: str | None) -> Run | None:
        active = self._store.active()
        if run_id is not None and active:
            found = next((run for run in active if run.run_id == run_id), None)
            if found is None:
                raise OtherRunActive(run_id, [run.run_id for run in active])
            return found
        if len(active) > 1:
            raise SeveralActive([run.run_id for run in active])
        return next(iter(active), None)

    def _refuse_without_slot(self, needs: Needs) -> None:
        if (obstacle := self._executor.obstacle(needs)) is not None:
            raise self._run_active(obstacle)

    def _run_active(self, obstacle: str | None) -> RunActive:
        active = self._store.active()
        return RunActive([run.run_id for run in active], active[0].pid if active else None, obstacle)

    def _refuse_without_room(self, plan: Plan) -> None:
        runs_dir = self._store.runs_dir
        runs_dir.mkdir(parents=True, exist_ok=True)
        folders = {runs_dir: "runs"}
        if plan.experiment.command is None and plan.experiment.data.cache:
            folders[cache_dir(runs_dir)] = "decoded images"
        disk.refuse_without_room(folders, self._min_free_mb)

    def _write(self, plan: Plan) -> NewRun:
        """Write the files of a new run under a hidden name."""
        new, command = self._store.create(), plan.experiment.command
        if command is None:
            program = invocation.trainer_program(new.run, self._stop_grace_s)
        else:
            filled = invocation.fill(command, new.run.output, plan.request, plan.resume_dir)
            program = invocation.command_program(filled, new.run, self._stop_grace_s)
        try:
            write_text(new.files.config, to_yaml(plan.experiment))
            if plan.preflight is not None:
                write_json(new.files.preflight, plan.preflight)
            if command is not None:
                new.files.output.mkdir()
            write_manifest(new.files, new.run.run_id, self._store.next_sequence(), plan.request, program, plan.declared)
        except OSError:
            new.discard()
            raise
        return new

    def _launch(self, new: NewRun, needs: Needs) -> None:
        """Launch a new run. Raises RunActive, LaunchFailed, OSError, and removes the run unless its runner began."""
        try:
            ref = self._executor.submit(new.run, needs, new.reveal)
        except NoRoom:
            new.discard()
            raise self._run_active(self._executor.obstacle(needs)) from None
        except (OSError, LaunchFailed):
            if not is_there(new.run.state):
                new.discard()
            raise
        with suppress(OSError):  # The disk may be full. The executor finds the run without the file.
            ref.write()

    def _grace_s(self, run: Run) -> float:
        """Return the grace period in run.json, or the one of the settings."""
        grace_s = (run.on_stop or {}).get("grace_s")
        return float(grace_s) if isinstance(grace_s, int | float) else self._stop_grace_s

    def _write_stop(self, run: RunDir, mode: str, requested_by: str, grace_s: float) -> None:
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

    def _wait_for_end(self, ref: Ref, grace_s: float) -> None:
        deadline = time.monotonic() + grace_s + _KILL_MARGIN_S
        while not isinstance(self._executor.find([ref])[ref.run_id], Gone):
            if time.monotonic() > deadline:
                self._executor.end(ref)
            time.sleep(_LOOK_EVERY_S)
