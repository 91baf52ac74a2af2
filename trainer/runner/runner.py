"""Own one run's process until its verdict: `python -m trainer.runner RUN_DIR LOCK_FD [REPLY_FD CHANNEL_FD PID]`.

Each run has a runner, which outlives the service, as container engines have a shim for each container. The runner
starts the program that run.json describes, in its own session and with the locked descriptor. It waits for the program
and writes state.json. On SIGTERM it asks the program to end (shutdown.py), waits for the grace period of stop.json, and
kills what is left. It exits when no process of the run is left. The keeper adds the last three arguments when it hands
over a prewarmed program. Standard library only: the runner starts in milliseconds and stays small for days.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from trainer.rundir import RunDir, is_there, read_json, utc_now
from trainer.runner import children, process, program, verdict
from trainer.runner.oom import OomCounter
from trainer.runner.program import LaunchError, WarmProgram
from trainer.runner.shutdown import Shutdown
from trainer.runner.signals import Signals
from trainer.runner.statefile import AlreadyLaunched, StateFile

ALREADY_LAUNCHED = 2
EXIT_CODES = {b"1": 0, b"0": 1, b"2": ALREADY_LAUNCHED}
"""What the runner replies when it has tried to launch the program, and its exit code. No reply: 1."""


class Runner:
    """Launch, follow and end one training program."""

    def __init__(self, run: RunDir, lock_fd: int, description: dict[str, Any]) -> None:
        """`description` is the `program` of run.json. Raises AlreadyLaunched."""
        self._run = run
        self._lock_fd = lock_fd
        self._description = description
        self._stop_signal = signal.Signals[description["stop"]["signal"]]
        self._is_ours = bool(description["needs_result"])
        self._signals = Signals()
        self._program: subprocess.Popen[bytes] | WarmProgram | None = None
        self._shutdown: Shutdown | None = None
        self._killed_after_s: float | None = None
        self._was_terminated = False
        self._did_another_exit_well = False
        self._oom_counter = OomCounter()
        self._state: dict[str, Any] = {
            "state": "starting",
            "reason": None,
            "pid": None,
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
        if is_there(self._run.stop):
            self._finish(verdict.STOPPED, verdict.NEVER_LAUNCHED)
            return False
        try:
            if warm is not None and warm.begin(self._run, self._lock_fd, sys.stdout.fileno()):
                self._program = warm
            else:
                self._program = program.execute(self._run, self._description, self._lock_fd)
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
            is_killed = self._killed_after_s is not None
            wait_s = self._shutdown.wait_s if self._shutdown is not None and not is_killed else None
            if signal.SIGTERM in self._signals.wait(wait_s):
                self._take_stop()
        exit_code = self._program.returncode
        assert exit_code is not None
        is_oom = exit_code == -signal.SIGKILL and self._oom_counter.has_risen
        for each in children.describe_descendants():
            self._log(f"the program has exited; killing its {each}")
        children.kill_all(self._program.pid)
        ending = verdict.Ending(
            exit_code,
            self._was_terminated,
            self._killed_after_s,
            is_oom,
            self._stop_signal,
            self._did_another_exit_well,
        )
        self._finish(*verdict.judge(self._run, ending, self._read_stop(), self._is_ours))

    def _is_over(self) -> bool:
        """Whether the program has exited and, after a stop, everything that it started has exited too."""
        assert self._program is not None
        exit_codes, is_any_left = children.reap()
        self._note(exit_codes)
        has_exited = self._program.returncode is not None
        if has_exited and self._shutdown is None and is_there(self._run.stop):
            self._take_stop()  # The program exited between stop.json and the signal that follows it.
        if self._shutdown is None or (has_exited and not is_any_left):
            return has_exited
        if self._shutdown.is_over:
            self._killed_after_s = self._shutdown.grace_s
            if not has_exited:
                os.killpg(self._program.pid, signal.SIGKILL)
            return has_exited
        for pid in self._shutdown.pass_on(is_leader_alive=not has_exited):
            self._log(f"passed {self._stop_signal.name} on to process {pid}: {process.command_line(pid)}")
        return False

    def _note(self, exit_codes: dict[int, int]) -> None:
        assert self._program is not None
        if self._program.pid in exit_codes:
            self._program.returncode = exit_codes.pop(self._program.pid)
        if self._shutdown is not None and any(exit_codes.get(pid) == 0 for pid in self._shutdown.asked):
            self._did_another_exit_well = True

    def _take_stop(self) -> None:
        """Begin to end the program. Ask it again if that has begun: a discard may follow a save that takes too long."""
        assert self._program is not None
        stop = self._read_stop()
        self._was_terminated = stop is None
        if self._shutdown is not None:
            self._shutdown.repeat(is_leader_alive=self._program.returncode is None)
            return
        grace_s = (stop or {}).get("grace_s")
        if not isinstance(grace_s, (int, float)):
            grace_s = self._description["stop"]["grace_s"]
        self._shutdown = Shutdown(self._program.pid, self._stop_signal, float(grace_s), leads_alone=self._is_ours)

    def _read_stop(self) -> dict[str, Any] | None:
        """Read stop.json. Return {} if the file is empty, as on a full disk, and None if nobody asked for a stop."""
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


def main(argv: list[str]) -> int:
    """Return 0 as soon as the program is launched, 1 if it cannot be, and ALREADY_LAUNCHED if it was before.

    A second process goes on with the run. It is an orphan, so no server has to reap it. When the first one exits,
    state.json is written. A process that was trainer.runner.keeper is an orphan already and goes on by itself.
    """
    run, lock_fd = RunDir(Path(argv[0])), int(argv[1])
    if argv[2:]:
        reply_fd, channel_fd, pid = map(int, argv[2:])
        own(run, lock_fd, reply_fd, WarmProgram(pid, socket.socket(fileno=channel_fd)))
        return 0
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        return EXIT_CODES.get(os.read(reader, 1), 1)
    os.close(reader)
    own(run, lock_fd, writer, None)
    return 0


def own(run: RunDir, lock_fd: int, reply_fd: int, warm: WarmProgram | None) -> None:
    """Launch the program, write one of EXIT_CODES to `reply_fd`, and return when the run is over."""
    process.adopt_orphans()
    try:
        runner = Runner(run, lock_fd, json.loads(run.run.read_bytes())["program"])
    except AlreadyLaunched as error:
        print(f"runner: {error}", file=sys.stderr)
        os.write(reply_fd, b"2")
        return
    _write_log_to(run.log)  # Not earlier: the service reads errors before this point from stderr.
    has_launched = runner.launch(warm)
    with contextlib.suppress(BrokenPipeError):  # The service may have exited. The run goes on.
        os.write(reply_fd, b"1" if has_launched else b"0")
    os.close(reply_fd)
    if has_launched:
        runner.wait()


def _write_log_to(path: Path) -> None:
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    os.close(log)
