"""Run on this machine: slots limit the active runs, and processes show which are alive."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from app.runs.exceptions import LaunchFailed, NoRoom
from app.runs.executors.executor import Found, Gone, Needs, Processes, Ref, Running
from app.runs.executors.local import launcher, processes
from app.runs.executors.local.gpus import accelerators_here
from app.runs.executors.local.orphans import Orphans
from app.runs.executors.local.prewarm import Prewarm
from app.runs.executors.local.slots import SLOTS, Slot, Slots, Taken
from app.runs.executors.local.survivors import Survivors
from app.runs.filestate import Remembered, file_states
from app.runs.names import is_plain_name
from trainer.experiment.accelerators import Machine
from trainer.manifest import is_of_our_trainer
from trainer.rundir import RunDir, is_there
from trainer.runner.statefile import has_verdict, read_record

_CHECK_EVERY_S = 0.02
_PATIENCE_S = 10.0
"""How long a launch waits for a run with a verdict to leave its slot, and a signal for a runner to begin."""


class LocalExecutor:
    """The executor of this machine. All that it knows comes from its `Slots` and the processes."""

    name = "local"
    queue_advice: str | None = None

    def __init__(
        self,
        runs_dir: Path,
        max_active: int = 1,
        gpus: tuple[str, ...] | None = None,
        prewarm: Prewarm | None = None,
    ) -> None:
        """`gpus` are the UUIDs to divide among the runs. None: a run sees all GPUs."""
        self._runs_dir = runs_dir
        self._gpus = gpus
        self._slots = Slots(runs_dir.parent / SLOTS, max_active, gpus or ())
        self._prewarm = prewarm
        self._survivors = Survivors(runs_dir, self._slots.folder, self.name)
        self._orphans = Orphans(self.end)
        self._checked: dict[Path, Remembered[str]] = {}
        """The names in the slots' files that were verified or repaired."""

    def submit(self, run: RunDir, needs: Needs, reveal: Callable[[], None]) -> Ref:
        """Take a slot and launch the runner, which inherits it. See Executor.submit."""
        taken = self._take(run, needs, reveal)
        try:
            visible = None if self._gpus is None else ",".join(taken.slot.gpus)
            prewarm = self._prewarm if is_of_our_trainer(run.read_json(run.run)) else None
            if prewarm is None or not prewarm.launch(run, taken.descriptor, visible):
                launcher.launch(run, taken.descriptor, visible)
        finally:
            os.close(taken.descriptor)
        shown = None if self._gpus is None else taken.slot.gpus
        return Ref(run, self.name, taken.slot.path.stem, socket.gethostname(), shown)

    @property
    def num_gpus(self) -> int | None:
        return None if self._gpus is None else len(self._gpus)

    def accelerators(self) -> Machine | None:
        return accelerators_here(self._gpus)

    def obstacle(self, needs: Needs) -> str | None:
        """Say whether slots or GPUs are lacking. Ignore runs with a verdict, which are about to leave their slot."""
        held = [slot for slot in self._active() if not self._is_leaving(slot)]
        if len(held) >= self._slots.count:
            return f"{len(held)} of {self._slots.count} runs are active"
        num_needed, num_gpus = self._needed_gpus(needs), len(self._slots.gpus)
        if num_needed > num_gpus:
            return None  # Waiting would not help: `submit` fails.
        num_free = len(set(self._slots.gpus).difference(*(slot.gpus for slot in held)))
        return f"{num_free} of {num_gpus} GPUs are free, {num_needed} are needed" if num_needed > num_free else None

    def problem(self) -> str | None:
        return None

    def find(self, refs: Iterable[Ref] = ()) -> Mapping[str, Found]:
        found: dict[str, Found] = {slot.run_id: Running() for slot in self._active() if is_plain_name(slot.run_id)}
        for ref in refs:
            if ref.run_id not in found:
                found[ref.run_id] = Running() if self._has_runner(ref.run) else Gone()
        return found

    def signal(self, ref: Ref) -> None:
        pid = processes.runner_pid(self._await_launch(ref.run), ref.run.path)
        with suppress(ProcessLookupError):
            if pid is not None:
                os.kill(pid, signal.SIGTERM)
                return
        self.end(ref)

    def end(self, ref: Ref) -> Collection[int]:
        """Kill (SIGKILL) every process that has the run's mark or holds its slot. Return the pids.

        No other run can take the slot meanwhile, so no process of another run is killed.
        """
        with self._slots.kept_from_others(ref.run_id) as slot:
            return processes.kill_all(ref.run.path, slot.path if slot else None, read_record(ref.run))

    def tend(self, refs: Iterable[Ref], expects_our_trainer: bool = False) -> None:
        self._orphans.end(refs)
        if self._prewarm is not None:
            self._prewarm.tend(expects_our_trainer or len(self._active()) < self._slots.count)

    def processes(self, ref: Ref) -> Processes:
        runner = processes.runner_pid(read_record(ref.run), ref.run.path)
        if runner is not None:
            with suppress(psutil.Error, OSError):  # It has just exited.
                return Processes(runner, processes.family(runner)[1:])
        held = next((slot.path for slot in self._slots.held() if slot.run_id == ref.run_id), None)
        found = sorted(processes.find(ref.run.path, held), key=lambda each: each.create_time())
        return Processes(None, [each.pid for each in found])

    def close(self) -> None:
        if self._prewarm is not None:
            self._prewarm.end()

    def _take(self, run: RunDir, needs: Needs, reveal: Callable[[], None]) -> Taken:
        num_gpus = self._needed_gpus(needs)
        if num_gpus > len(self._slots.gpus):
            raise LaunchFailed(
                f"it needs {num_gpus} GPUs, but at most {len(self._slots.gpus)} are available", run.run_id
            )
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            taken = self._slots.take(run.run_id, num_gpus, self._others(self._slots.held()), reveal)
            if taken is not None:
                return taken
            if not any(map(self._is_leaving, self._active())) or time.monotonic() > deadline:
                raise NoRoom
            time.sleep(_CHECK_EVERY_S)

    def _is_leaving(self, slot: Slot) -> bool:
        """Whether the run has a verdict, so that its last process is about to exit."""
        return has_verdict(read_record(self._run(slot.run_id)))

    def _needed_gpus(self, needs: Needs) -> int:
        """Return how many GPUs to give to a run: as many as it needs, else an equal share."""
        if self._gpus is None:
            return 0
        if needs.gpus is not None:
            return needs.gpus
        return min(len(self._gpus), max(1, len(self._gpus) // self._slots.count))

    def _active(self) -> list[Slot]:
        """List the held slots, with repaired names, and the runs that are alive without a slot."""
        held = [slot for each in self._slots.held() if (slot := self._checked_slot(each)) is not None]
        return [*held, *self._others(held)]

    def _others(self, held: Collection[Slot]) -> list[Slot]:
        survivors = self._survivors.find({slot.run_id for slot in held})
        return [Slot(self._slots.folder, run_id, Ref.read(self._run(run_id)).gpus or ()) for run_id in survivors]

    def _run(self, run_id: str) -> RunDir:
        return RunDir(self._runs_dir / run_id)

    def _checked_slot(self, slot: Slot) -> Slot | None:
        """Return a slot with a verified name. None: it has become free.

        If the file names no run, or a run that is over, it may have been overwritten. Then find the run from the
        processes that hold the lock, and repair the file.
        """
        checked = self._checked.get(slot.path)
        if checked is not None and checked.value == slot.run_id and checked.is_current():
            return slot
        states = file_states([slot.path])
        if not self._may_hold(slot.run_id):
            repaired = self._slots.repair(slot.path, lambda: self._named_by_holder(slot))
            states = file_states([slot.path])
            if repaired is None:
                return None
            slot = repaired
        self._checked[slot.path] = Remembered(slot.run_id, states)
        return slot

    def _may_hold(self, run_id: str) -> bool:
        run = self._run(run_id)
        return is_plain_name(run_id) and is_there(run.path) and not has_verdict(read_record(run))

    def _named_by_holder(self, slot: Slot) -> Slot | None:
        run = processes.run_of_holder(slot.path)
        return Slot(slot.path, run.name, Ref.read(self._run(run.name)).gpus or slot.gpus) if run is not None else None

    def _has_runner(self, run: RunDir) -> bool:
        record = read_record(run)
        return not has_verdict(record) and processes.is_runner_alive(record, run.path)

    def _await_launch(self, run: RunDir) -> dict[str, Any]:
        """Wait until the runner has written its pid, because it handles no signal before. Return state.json or {}."""
        deadline = time.monotonic() + _PATIENCE_S
        while is_there(run.path) and not is_there(run.state) and time.monotonic() < deadline:
            if isinstance(self.find([Ref(run)])[run.run_id], Gone):
                break
            time.sleep(_CHECK_EVERY_S)
        return read_record(run)
