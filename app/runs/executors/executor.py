"""The seam between the service and what executes its runs: this machine, or a cluster.

An executor launches a run's runner, reports what became of it, and ends it. The service writes the run's files, and
derives the run's state from these files and the executor's report. An executor keeps nothing in memory that it could
not find again: every service process has its own, and a restarted one continues with the same runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple, Protocol

from trainer.experiment.accelerators import Machine
from trainer.rundir import RunDir, write_json
from trainer.runner.verdict import VERDICTS


@dataclass(frozen=True)
class Needs:
    """What a run needs before it can be launched."""

    gpus: int | None = None
    """The number of GPUs. None: neither the request nor the experiment says it, so the executor decides."""


@dataclass(frozen=True)
class Gone:
    """No process of the run lives, and the executor will not launch one."""

    state: str | None = None
    """The final state, if the runner wrote no verdict. None: the executor does not know."""
    reason: str | None = None


@dataclass(frozen=True)
class Ref:
    """A run as its executor knows it. executor.json holds everything except the directory.

    The service may be killed between a launch and writing executor.json. So an executor must also find a run by its
    run id alone.
    """

    run: RunDir
    executor: str | None = None
    """The name of the executor. None: executor.json does not say."""
    reference: str | None = None
    """The executor's own name for the run, such as SLURM's job id."""
    node: str | None = None
    gpus: tuple[str, ...] | None = None
    """The GPUs that the program sees, by UUID or index. None: all that exist."""
    ended: Gone | None = None
    """The executor's report about the end of a run without a verdict, because the executor may forget it."""

    @property
    def run_id(self) -> str:
        return self.run.run_id

    @classmethod
    def read(cls, run: RunDir) -> Ref:
        """Read executor.json. Values that are missing or corrupt are None."""
        content = run.read_json(run.executor) or {}
        executor, reference, node = (_text(content.get(name)) for name in ("executor", "reference", "node"))
        return cls(run, executor, reference, node, _texts(content.get("gpus")), _end(content.get("ended")))

    def write(self) -> None:
        """Write executor.json. Raises OSError."""
        write_json(self.run.executor, {name: value for name, value in asdict(self).items() if name != "run"})


@dataclass(frozen=True)
class Pending:
    """The run waits in the executor's own queue. `reason` says why, in the executor's words."""

    reason: str | None = None


@dataclass(frozen=True)
class Running:
    """Processes of the run live, or the executor is launching them."""

    node: str | None = None


@dataclass(frozen=True)
class Unreachable:
    """The state is unknown, because the executor does not answer. `since` is UTC, ISO 8601."""

    since: str
    last: Pending | Running = Running()
    """The executor's last report, or what the run's files say."""


Found = Pending | Running | Gone | Unreachable
"""What an executor says about a run."""


class Processes(NamedTuple):
    """The pids of a run's processes on this machine, descendants included."""

    runner: int | None
    others: list[int]
    """The program first."""


class Executor(Protocol):
    """Executes runs. All methods may be called from several threads and processes at once."""

    name: str
    """The executor's name in executor.json."""
    queue_advice: str | None
    """How to hold and reorder runs, if the executor's own queue takes every run. None: runs wait in our queue."""

    @property
    def num_gpus(self) -> int | None:
        """The most GPUs that a run may have. None: unknown."""

    def accelerators(self) -> Machine | None:
        """Describe the accelerators that a run could have. None: unknown."""

    def submit(self, run: RunDir, needs: Needs, reveal: Callable[[], None]) -> Ref:
        """Launch the runner of a run, or put the run into the executor's own queue.

        Calls `reveal` once there is room and before anything is launched. It gives the run's directory its final name,
        and does not yield to other (green) threads. From this call on, `find` must not report the run as gone until it
        has ended. Raises NoRoom, with nothing revealed, if the run would have to wait and the executor has no queue.
        Raises LaunchFailed, and ExecutorAway if a retry may succeed.
        """

    def obstacle(self, needs: Needs) -> str | None:
        """Say why `submit` would raise NoRoom now. None: it would not."""

    def problem(self) -> str | None:
        """Say why nothing at all can be launched now: the executor does not answer. None: it does."""

    def find(self, refs: Iterable[Ref] = ()) -> Mapping[str, Found]:
        """Report the runs' status by run id, with one query for all.

        The report covers `refs` and every other run that the executor knows to be pending or running, even if its
        directory is gone. This is called many times a second.
        """

    def signal(self, ref: Ref) -> None:
        """Ask the runner to end its program (SIGTERM), or take a pending run out of the executor's queue.

        The caller has written stop.json. A run that is gone is not an error. If only the runner is gone, kill the
        other processes, as `end` does.
        """

    def end(self, ref: Ref) -> Collection[int]:
        """Kill every process of a run, including the runner. Return the pids killed on this machine."""

    def tend(self, refs: Iterable[Ref], expects_our_trainer: bool = False) -> None:
        """Do what only one service process may do, such as killing the processes that a killed runner left behind.

        The holder of supervisor.lock calls this every second with the active runs, and once with each run that ends.
        `expects_our_trainer`: the next run of the queue is one of our own trainer.
        """

    def processes(self, ref: Ref) -> Processes:
        """Return the processes of a run. Empty if the run is on another machine."""

    def close(self) -> None:
        """Release what belongs to this service process. The runs continue."""


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: object) -> tuple[str, ...] | None:
    return tuple(map(str, value)) if isinstance(value, list) else None


def _end(value: object) -> Gone | None:
    match value:
        case {"state": str(state), "reason": str() | None as reason} if state in VERDICTS:
            return Gone(state, reason)
    return None
