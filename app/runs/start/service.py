"""Start and stop runs: one at a time, with the intent on disk first, and with no process left behind."""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from app.runs.exceptions import DiskFull, LaunchFailed, OtherRunActive, RunActive, RunError
from app.runs.executors.local import launcher, processes
from app.runs.executors.local.prewarm import Prewarm
from app.runs.start import disk
from app.runs.start.planner import Plan, Planner
from app.runs.start.request import StartRequest
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
        self, store: RunStore, planner: Planner, stop_grace_s: float, min_free_mb: int, prewarm: Prewarm | None = None
    ) -> None:
        self._store = store
        self._planner = planner
        self._stop_grace_s = stop_grace_s
        self._min_free_mb = min_free_mb
        self._prewarm = prewarm

    def check(self, asked: StartRequest) -> Checked:
        """Return the plan of a start. Raises NotFound and InvalidStart as `start` does.

        Does not check what takes long: the content of the images, and whether the network can be built.
        """
        plan = self._planner.validate(asked)
        obstacles: list[RunError] = []
        for refuse in (self._refuse_while_active, lambda: self._refuse_without_room(plan)):
            try:
                refuse()
            except (RunActive, DiskFull) as error:
                obstacles.append(error)
        return Checked(plan, obstacles)

    def start(self, asked: StartRequest) -> Run:
        """Launch a run, and return when its program runs.

        Raises RunActive, DiskFull, NotFound or InvalidStart before it writes anything, and LaunchFailed after.
        """
        self._refuse_while_active()
        plan = self._planner.plan(asked)
        try:
            run_id = self._start(plan)
        except OSError as error:
            raise LaunchFailed(f"the run's files cannot be written: {error}", None) from error
        return self._store.find(run_id)

    def stop(self, run_id: str | None, mode: str, wait: bool, requested_by: str) -> Stopped:
        """Ask the active run to stop. With `wait`, return when no process of it is left.

        The mode "save" keeps the work, and "discard" is quick. A discard may follow a save that takes too long. Raises
        OtherRunActive if `run_id` is given and another run is active.
        """
        run = self._store.active()
        if run is None:
            return Stopped("not_running", None)
        if run_id is not None and run_id != run.run_id:
            raise OtherRunActive(run_id, run.run_id)
        grace_s = self._grace_s(run)
        self._write_stop(run.directory, mode, requested_by, grace_s)
        self._signal_runner(run)
        if not wait:
            return Stopped("stopping", run.run_id)
        self._wait_for_end(run, grace_s)
        return Stopped("stopped", run.run_id)

    def _start(self, plan: Plan) -> str:
        self._refuse_without_room(plan)
        lock_fd, run_id = self._take_lock()
        try:
            self._launch(self._store.directory(run_id), plan, lock_fd)
        finally:
            os.close(lock_fd)
        return run_id

    def _refuse_while_active(self) -> None:
        active = self._store.active()
        if active is not None:
            raise RunActive(active.run_id, active.pid)

    def _take_lock(self) -> tuple[int, str]:
        deadline = time.monotonic() + _KILL_MARGIN_S
        while True:
            taken = self._store.lock.acquire(self._store.create)
            if taken is not None:
                return taken
            self._refuse_while_active()
            # The lock is held, but its run has a verdict: the runner is about to exit.
            if time.monotonic() > deadline:
                raise RunActive(self._store.holder(), None)
            time.sleep(_LOOK_EVERY_S)

    def _refuse_without_room(self, plan: Plan) -> None:
        runs_dir = self._store.runs_dir
        runs_dir.mkdir(parents=True, exist_ok=True)
        folders = {runs_dir: "runs"}
        if plan.experiment.command is None and plan.experiment.data.cache:
            folders[cache_dir(runs_dir)] = "decoded images"
        disk.refuse_without_room(folders, self._min_free_mb)

    def _launch(self, run: RunDir, plan: Plan, lock_fd: int) -> None:
        command = plan.experiment.command
        if command is None:
            program = launcher.trainer_program(run, self._stop_grace_s)
        else:
            filled = launcher.fill(command, run.output, plan.request, plan.resume_dir)
            program = launcher.command_program(filled, run, self._stop_grace_s)
        try:
            write_text(run.config, to_yaml(plan.experiment))
            if plan.preflight is not None:
                write_json(run.preflight, plan.preflight)
            if command is not None:
                run.output.mkdir()
            write_manifest(run, self._store.next_sequence(), plan.request, program, plan.declared)
            is_warm = command is None and self._prewarm is not None and self._prewarm.launch(run, lock_fd)
            if not is_warm:
                launcher.launch(run, lock_fd)
        except (OSError, LaunchFailed):
            if not is_there(run.state):  # The runner did not start, so there is no run.
                shutil.rmtree(run.path, ignore_errors=True)
            raise

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

    def _signal_runner(self, run: Run) -> None:
        """Signal the runner. If it is gone, kill the processes that it left."""
        record = self._await_launch(run)
        pid = processes.runner_pid(record, run.directory.path)
        with suppress(ProcessLookupError):
            if pid is not None:
                os.kill(pid, signal.SIGTERM)
                return
        self._store.kill_processes(run)

    def _await_launch(self, run: Run) -> dict[str, Any]:
        """Wait until the runner has written its pid: before that it handles no signal. Return state.json or {}."""
        deadline = time.monotonic() + _KILL_MARGIN_S
        directory = run.directory
        while is_there(directory.path) and not is_there(directory.state) and time.monotonic() < deadline:
            if self._store.holder() != run.run_id:
                break
            time.sleep(_LOOK_EVERY_S)
        return directory.read_json(directory.state) or {}

    def _wait_for_end(self, run: Run, grace_s: float) -> None:
        deadline = time.monotonic() + grace_s + _KILL_MARGIN_S
        while self._store.holder() == run.run_id:
            if time.monotonic() > deadline:
                self._store.kill_processes(run)
            time.sleep(_LOOK_EVERY_S)
