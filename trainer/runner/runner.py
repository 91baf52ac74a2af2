"""Own one run's process until its verdict.

Each run has a runner, which outlives the service, as container engines have a shim for each container. The runner
starts the program that run.json describes, in its own session and with the locked descriptor. It waits for the program
and writes state.json. On SIGTERM it asks the program to end (shutdown.py), waits for the grace period of stop.json, and
kills what is left. It exits when no process of the run is left. Standard library only: the runner starts in
milliseconds and stays small for days.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import Any

from trainer.rundir import RunDir, is_there, read_json, utc_now
from trainer.runner import children, job, process, program, verdict
from trainer.runner.job import Job
from trainer.runner.oom import OomCounter
from trainer.runner.program import LaunchError, WarmProgram
from trainer.runner.shutdown import Shutdown
from trainer.runner.signals import Signals
from trainer.runner.statefile import StateFile

ALREADY_LAUNCHED = 2
"""The exit code of a runner that finds the run launched already."""


class Runner:
    """Launch, follow and end one training program."""

    def __init__(self, run: RunDir, lock_fds: tuple[int, ...], description: dict[str, Any], as_job: Job | None) -> None:
        """`description` is the `program` of run.json. `as_job` is for a run without a lock. Raises AlreadyLaunched."""
        self._run = run
        self._lock_fds = lock_fds
        self._job = as_job
        self._description = description
        self._stop_signal = signal.Signals[description["stop"]["signal"]]
        self._is_ours = bool(description["needs_result"])
        self._signals = Signals()
        self._program: subprocess.Popen[bytes] | WarmProgram | None = None
        self._shutdown: Shutdown | None = None
        self._killed_after_s: float | None = None
        self._stop: dict[str, Any] | None = None
        self._ended_by: set[int] | None = None
        """The signals to end the program that came without a requested stop."""
        self._did_another_exit_well = False
        self._oom_counter = OomCounter()
        self._state: dict[str, Any] = {
            "state": "starting",
            "reason": None,
            "pid": None,
            "host": job.host(),
            "gpus": job.gpus(),
            "runner": _identity(os.getpid()),
            "trainer": None,
            "started_at": utc_now(),
            "ended_at": None,
            "exit_code": None,
            "signal": None,
        }
        self._state_file = StateFile(run.state, self._state)

    def launch(self, warm: WarmProgram | None) -> bool:
        """Start the program and write the state.

        Return False, with the verdict written, if the program cannot be executed or the run was stopped before.
        """
        if self._job is not None:
            self._job.beat()
        if is_there(self._run.stop):
            self._finish(verdict.STOPPED, verdict.NEVER_LAUNCHED)
            return False
        try:
            if warm is not None and warm.begin(self._run, self._lock_fds, sys.stdout.fileno()):
                self._program = warm
            else:
                self._program = program.execute(self._run, self._description, self._lock_fds)
        except LaunchError as error:
            self._finish(verdict.FAILED, str(error))
            return False
        self._state |= {"state": "running", "pid": self._program.pid, "trainer": _identity(self._program.pid)}
        self._state_file.write(self._state)
        return True

    def wait(self) -> None:
        """Return when no process of the run is left and the verdict is written."""
        assert self._program is not None
        while not self._is_over():
            self._take_signals(self._wait_s())
        if self._job is not None:
            self._wait_for_cause()
        exit_code = self._program.returncode
        assert exit_code is not None
        is_oom = exit_code == -signal.SIGKILL and self._oom_counter.has_risen
        for each in children.describe_descendants():
            self._log(f"the program has exited; killing its {each}")
        children.kill_all(self._program.pid)
        ending = verdict.Ending(
            exit_code,
            self._explain(self._ended_by) if self._ended_by is not None else None,
            self._killed_after_s,
            is_oom,
            self._stop_signal,
            self._did_another_exit_well,
        )
        self._finish(*verdict.judge(self._run, ending, self._read_stop(), self._is_ours))

    @property
    def ended_well(self) -> bool:
        return self._state["state"] in (verdict.COMPLETED, verdict.STOPPED)

    def _wait_s(self) -> float | None:
        is_killed = self._killed_after_s is not None
        waits = [self._shutdown.wait_s] if self._shutdown is not None and not is_killed else []
        waits += [self._job.wait_s] if self._job is not None else []
        return min(waits, default=None)

    def _take_signals(self, wait_s: float | None) -> None:
        """Wait for signals and follow them. A job finds stop.json by itself if SLURM cannot deliver the signal."""
        received = self._signals.wait(wait_s)
        has_found = self._job is not None and self._job.beat() and self._shutdown is None and is_there(self._run.stop)
        if has_found or received & (job.END_SIGNALS if self._job is not None else {signal.SIGTERM}):
            self._take_stop(received)

    def _wait_for_cause(self) -> None:
        """Wait for the signal that explains why the program ended: SLURM may have sent it to the program first."""
        deadline = time.monotonic() + job.SIGNALS_ARRIVE_WITHIN_S
        while self._shutdown is None and (wait_s := deadline - time.monotonic()) > 0:
            self._take_signals(wait_s)

    def _is_over(self) -> bool:
        """Whether the program has exited and, after a stop, everything that it started has exited too."""
        assert self._program is not None
        exit_codes, is_any_left = children.reap()
        self._note(exit_codes)
        has_exited = self._program.returncode is not None
        if has_exited and self._shutdown is None and is_there(self._run.stop):
            self._take_stop(set())  # The program exited between stop.json and the signal that follows it.
        if self._shutdown is None or (has_exited and not is_any_left):
            return has_exited
        if self._shutdown.is_over:
            self._killed_after_s = self._shutdown.grace_s
            if not has_exited:
                os.killpg(self._program.pid, signal.SIGKILL)
            return has_exited
        for pid, command_line in self._shutdown.pass_on(is_leader_alive=not has_exited).items():
            self._log(f"passed {self._stop_signal.name} on to process {pid}: {command_line}")
        return False

    def _note(self, exit_codes: dict[int, int]) -> None:
        assert self._program is not None
        if self._program.pid in exit_codes:
            self._program.returncode = exit_codes.pop(self._program.pid)
        if self._shutdown is not None and any(exit_codes.get(pid) == 0 for pid in self._shutdown.asked):
            self._did_another_exit_well = True

    def _take_stop(self, received: set[int]) -> None:
        """Begin to end the program. Ask it again if that has begun: a discard may follow a save that takes too long."""
        assert self._program is not None
        stop, known = self._read_stop(), self._stop
        self._stop = stop
        self._ended_by = None if stop is not None else self._ended_by or received
        if self._shutdown is not None:
            if not stop or stop != known:  # Else a job has found the stop by itself before this signal came.
                self._shutdown.repeat(is_leader_alive=self._program.returncode is None)
            return
        grace_s = (stop or {}).get("grace_s")
        if not isinstance(grace_s, (int, float)):
            grace_s = self._description["stop"]["grace_s"]
        self._shutdown = Shutdown(self._program.pid, self._stop_signal, float(grace_s), leads_alone=self._is_ours)

    def _explain(self, received: set[int]) -> tuple[str, str]:
        return verdict.TERMINATED if self._job is None else self._job.explain(received)

    def _read_stop(self) -> dict[str, Any] | None:
        """Read stop.json. Return {} if the file is empty, as on a full disk, and None if no stop was requested."""
        return read_json(self._run.stop) or ({} if is_there(self._run.stop) else None)

    def _log(self, text: str) -> None:
        """Add a line to the log of a `command`. Our own trainer logs by itself how its helper processes end."""
        if not self._is_ours:
            with contextlib.suppress(OSError):  # The disk may be full.
                print(f"runner: {text}", flush=True)

    def _finish(self, state: str, reason: str | None) -> None:
        exit_code = self._program.returncode if self._program else None
        self._state |= {
            "state": state,
            "reason": reason and reason[: verdict.MAX_REASON_CHARS],
            "ended_at": utc_now(),
            "exit_code": exit_code,
            "signal": verdict.signal_name(-exit_code) if exit_code is not None and exit_code < 0 else None,
        }
        try:
            self._state_file.write(self._state)
            self._state_file.close()
        except OSError as error:
            # The run directory is gone or not writable. The released lock still shows that nothing runs.
            print(f"runner: cannot write {self._run.state}: {error}", file=sys.stderr)


def _identity(pid: int) -> dict[str, Any]:
    return {"pid": pid, "start_time": process.start_time(pid)}
