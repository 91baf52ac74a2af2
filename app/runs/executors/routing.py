"""Several executors for one runs folder, as after a change of TRAINING_EXECUTOR while runs are active."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from app.runs.executors.executor import Executor, Found, Needs, Processes, Ref
from app.runs.executors.unfinished import find_unfinished, run_names
from trainer.experiment.accelerators import Machine
from trainer.rundir import RunDir


class RoutingExecutor:
    """Give new runs to the current executor, and every other run to the one that its executor.json names.

    Another executor is connected only when a run needs it, so SLURM's commands are not called without runs on SLURM. If
    executor.json is missing or corrupt, a run belongs to the executor that finds it, else to the current one.
    """

    def __init__(self, runs_dir: Path, current: Executor, others: Mapping[str, Callable[[], Executor]]) -> None:
        """`current` takes the new runs. `others` connect the other executors, by name."""
        self.name = current.name
        self.queue_advice = current.queue_advice
        self._runs_dir = runs_dir
        self._current = current
        self._others = others
        self._connected = {current.name: current}
        self._is_searched = False

    @property
    def num_gpus(self) -> int | None:
        return self._current.num_gpus

    def accelerators(self) -> Machine | None:
        return self._current.accelerators()

    def obstacle(self, needs: Needs) -> str | None:
        return self._current.obstacle(needs)

    def problem(self) -> str | None:
        return self._current.problem()

    def submit(self, run: RunDir, needs: Needs, reveal: Callable[[], None]) -> Ref:
        return self._current.submit(run, needs, reveal)

    def find(self, refs: Iterable[Ref] = ()) -> Mapping[str, Found]:
        self._search()
        found: dict[str, Found] = {}
        asked = []
        for ref in refs:
            if ref.ended is not None and ref.executor not in self._connected:
                found[ref.run_id] = ref.ended  # Do not connect an executor only for a run that has ended.
            else:
                asked.append(ref)
        for executor, own in self._by_executor(asked):
            found |= executor.find(own)
        return found

    def signal(self, ref: Ref) -> None:
        self._executor_of(ref).signal(ref)

    def end(self, ref: Ref) -> Collection[int]:
        return self._executor_of(ref).end(ref)

    def tend(self, refs: Iterable[Ref], expects_our_trainer: bool = False) -> None:
        for executor, own in self._by_executor(refs):
            executor.tend(own, expects_our_trainer)

    def processes(self, ref: Ref) -> Processes:
        return self._executor_of(ref).processes(ref)

    def close(self) -> None:
        for executor in self._connected.values():
            executor.close()

    def _search(self) -> None:
        """On the first call, connect the executors of earlier unfinished runs."""
        if not self._is_searched:
            for ref in find_unfinished(self._runs_dir, run_names(self._runs_dir)):
                self._executor_of(ref)
            self._is_searched = True

    def _executor_of(self, ref: Ref) -> Executor:
        name = ref.executor or ""
        if name in self._others and name not in self._connected:
            # If two threads both connect, the second executor is dropped. It holds nothing until it is used.
            self._connected.setdefault(name, self._others[name]())
        if name in self._connected:
            return self._connected[name]
        others = list(self._connected.values())[1:]
        return next((each for each in others if ref.run_id in each.find()), self._current)

    def _by_executor(self, refs: Iterable[Ref]) -> list[tuple[Executor, list[Ref]]]:
        """Group runs by executor, for every connected executor."""
        owned = [(self._executor_of(ref), ref) for ref in refs]
        return [(each, [ref for owner, ref in owned if owner is each]) for each in list(self._connected.values())]
