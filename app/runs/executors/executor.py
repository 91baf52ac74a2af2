"""The seam between the service and what executes its runs: this machine, or a cluster.

An executor launches the runner of a run, says what became of it, and ends it. The service writes the run's files, and
composes the run's state from these files and what the executor says. An executor keeps nothing in memory that it could
not find out again: every service process has its own, and a restarted one goes on with the same runs.
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
    """The number of GPUs. None: neither the request nor the experiment says, so the executor decides."""


@dataclass(frozen=True)
class Gone:
    """No process of the run lives, and the executor will not launch one."""

    state: str | None = None
    """How the run ended if its runner wrote no verdict. None: the executor does not know."""
    reason: str | None = None


@dataclass(frozen=True)
class Ref:
    """A run as its executor knows it. executor.json holds everything but the directory.

    A service may be killed after a launch and before it writes executor.json. So an executor must also find a run by
    its run id alone.
    """

    run: RunDir
    executor: str | None = None
    """The name of the executor. None: executor.json does not say."""
    reference: str | None = None
    """The executor's own name for the run, such as SLURM's job id."""
    node: str | None = None
    gpus: tuple[str, ...] | None = None
    """The GPUs that the program sees, by UUID or index. None: whichever there are."""
    ended: Gone | None = None
    """What the executor has said about the end of a run without a verdict. It may forget that."""

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
    """Nobody knows, because the executor does not answer. `since` is UTC, ISO 8601."""

    since: str
    last: Pending | Running = Running()
    """What the executor said last, or what the run's files say."""


Found = Pending | Running | Gone | Unreachable
"""What an executor says about a run."""


class Processes(NamedTuple):
    """The pids of a run's processes on this machine, all that it started included."""

    runner: int | None
    others: list[int]
    """The program first."""


class Executor(Protocol):
    """What executes runs. All methods may be called from several threads and processes at once."""

    name: str
    """The executor's name in executor.json."""
    queue_advice: str | None
    """How to hold and order runs in the executor's own queue, which takes every run. None: runs wait in our queue."""

    @property
    def num_gpus(self) -> int | None:
        """How many GPUs a run may have at most. None: nobody knows."""

    def accelerators(self) -> Machine | None:
        """Describe the accelerators that a run could have. None: nobody knows."""

    def submit(self, run: RunDir, needs: Needs, reveal: Callable[[], None]) -> Ref:
        """Launch the runner of a run, or put the run into the executor's own queue.

        Calls `reveal` once there is room and before anything is launched. Only then does the run's directory have its
        final name. `reveal` is quick and does not yield to other (green) threads. From before this call, `find` must
        not say that the run is gone until it has ended. Raises NoRoom, with nothing revealed, if the run would have to
        wait and the executor has no queue. Raises LaunchFailed, and ExecutorAway if only the moment is wrong.
        """

    def obstacle(self, needs: Needs) -> str | None:
        """Say why `submit` would raise NoRoom at this moment. None if it would not."""

    def problem(self) -> str | None:
        """Say why nothing can be launched at this moment, whatever it needs: the executor does not answer."""

    def find(self, refs: Iterable[Ref] = ()) -> Mapping[str, Found]:
        """Say what became of runs, by run id: one inquiry for all of them.

        The answer holds every run of `refs`, and every other run that the executor knows to be pending or running, even
        if the run's directory is gone. This is called many times a second.
        """

    def signal(self, ref: Ref) -> None:
        """Ask the runner to end its program (SIGTERM), or take a pending run out of the executor's queue.

        The caller has written stop.json. A run that is gone is not an error. If the runner is gone, its processes are
        killed as by `end`.
        """

    def end(self, ref: Ref) -> Collection[int]:
        """Kill every process of a run, its runner included. Return the pids killed on this machine."""

    def tend(self, refs: Iterable[Ref], expects_our_trainer: bool = False) -> None:
        """Do what only one service process may do, such as ending what killed runners left behind.

        The holder of supervisor.lock calls this every second with the active runs, and once with each run that ends.
        `expects_our_trainer`: the next run of the queue is one of our own trainer.
        """

    def processes(self, ref: Ref) -> Processes:
        """Return the processes of a run. There are none if the run's node is another machine."""

    def close(self) -> None:
        """End what belongs to this service process. The runs go on."""


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: object) -> tuple[str, ...] | None:
    return tuple(map(str, value)) if isinstance(value, list) else None


def _end(value: object) -> Gone | None:
    match value:
        case {"state": str(state), "reason": str() | None as reason} if state in VERDICTS:
            return Gone(state, reason)
    return None
