"""Own one run's process from birth to verdict: `python -m trainer.runner RUN_DIR LOCK_FD [REPLY_FD CHANNEL_FD PID]`.

A small process per run that lives on when the service ends, as container engines keep a shim per container. It starts
the training program that run.json names, in a session of its own and with the locked descriptor, waits, and
writes state.json. On SIGTERM it asks the program to end (shutdown.py), waits for the grace that stop.json states,
and kills what is left. It returns only when no process of the run is left. Standard library only: it has to start in
milliseconds and stay small for days. The last three arguments are trainer.runner.keeper's, whose program waits already.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from trainer.rundir import RUN_DIR_VARIABLE, RunDir, is_there, read_json, utc_now
from trainer.runner import oom, process, verdict
from trainer.runner.keeper import WarmProgram
from trainer.runner.shutdown import Shutdown
from trainer.runner.statefile import StateFile

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class Signals:
    """SIGTERM and SIGCHLD as something to wait for. SIGHUP and SIGINT are for the server's terminal, not for a run."""

    def __init__(self) -> None:
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP, signal.SIGINT):
            # A handler, not SIG_IGN, which the training program would inherit.
            signal.signal(number, lambda *_: None)

    def wait(self, timeout_s: float | None) -> set[int]:
        """Return the signals that came, empty after the timeout."""
        if not select.select([self._reader], [], [], timeout_s)[0]:
            return set()
        return set(os.read(self._reader, 4096))


class Runner:
    """Launch, follow and end one training program."""

    def __init__(self, run: RunDir, lock_fd: int, launched_from: dict[str, Any]) -> None:
        """`launched_from` is the `program` of run.json."""
        self._run = run
        self._lock_fd = lock_fd
        self._launched_from = launched_from
        self._stop_signal = signal.Signals[launched_from["stop"]["signal"]]
        self._is_ours = bool(launched_from["needs_result"])
        self._signals = Signals()
        self._state_file = StateFile(run.state)
        self._program: subprocess.Popen[bytes] | WarmProgram | None = None
        self._shutdown: Shutdown | None = None
        self._killed_after_s: float | None = None
        self._was_terminated = False
        self._did_another_exit_well = False
        self._oom_kills = oom.oom_kills()
        self._began_s = time.monotonic()
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

    def launch(self, warm: WarmProgram | None) -> bool:
        """Start the program and write the state; False, with the verdict written, when it cannot be executed."""
        try:
            if warm is not None and warm.begin(self._run, self._lock_fd, sys.stdout.fileno()):
                self._program = warm
            else:
                self._program = self._execute()
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            name = self._launched_from["argv"][0]
            self._finish(verdict.FAILED, f"cannot start {name}: {_problem(error, name)}")
            return False
        self._state |= {"state": "running", "pid": self._program.pid, "trainer": _identity(self._program.pid)}
        self._state_file.write(self._state)
        return True

    def _execute(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._launched_from["argv"],
            cwd=self._launched_from["cwd"],
            env=os.environ | self._launched_from["env"] | {RUN_DIR_VARIABLE: str(self._run.path)},
            stdin=subprocess.DEVNULL,
            pass_fds=(self._lock_fd,),
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )

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
        is_oom = exit_code == -signal.SIGKILL and oom.was_oom_killed(
            self._program.pid, self._began_s, self._oom_kills, oom.oom_kills()
        )
        self._end_descendants()
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
        """Whether the program has ended and, when it was asked to, everything that it started as well."""
        assert self._program is not None
        is_any_left = self._reap()
        has_ended = self._program.returncode is not None
        if has_ended and self._shutdown is None and is_there(self._run.stop):
            self._take_stop()  # It ended before the signal came that follows stop.json.
        if self._shutdown is None or (has_ended and not is_any_left):
            return has_ended
        if self._shutdown.is_over:
            self._killed_after_s = self._shutdown.grace_s
            if not has_ended:
                os.killpg(self._program.pid, signal.SIGKILL)
            return has_ended
        for pid in self._shutdown.pass_on(is_leader_alive=not has_ended):
            self._say(f"passed {self._stop_signal.name} on to process {pid}: {process.command_line(pid)}")
        return False

    def _reap(self) -> bool:
        """Collect every child that ended, adopted orphans included; False once none is left."""
        assert self._program is not None
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            exit_code = os.waitstatus_to_exitcode(status)
            if pid == self._program.pid:
                self._program.returncode = exit_code
            elif self._shutdown is not None and pid in self._shutdown.asked and exit_code == 0:
                self._did_another_exit_well = True

    def _take_stop(self) -> None:
        """Begin to end the program, or ask it again: a discard may follow a save that takes too long."""
        assert self._program is not None
        stop = self._read_stop()
        self._was_terminated = stop is None
        if self._shutdown is not None:
            self._shutdown.repeat(is_leader_alive=self._program.returncode is None)
            return
        grace_s = (stop or {}).get("grace_s")
        if not isinstance(grace_s, (int, float)):
            grace_s = self._launched_from["stop"]["grace_s"]
        self._shutdown = Shutdown(self._program.pid, self._stop_signal, float(grace_s), leads_alone=self._is_ours)

    def _read_stop(self) -> dict[str, Any] | None:
        """The intent to stop; empty when the file is there, but a full disk had no room for what it should say."""
        return read_json(self._run.stop) or ({} if is_there(self._run.stop) else None)

    def _end_descendants(self) -> None:
        """Kill whatever the program left behind, also what left its group: the runner has adopted it."""
        assert self._program is not None
        for pid in process.descendants(os.getpid(), process.parents()):
            if command_line := process.command_line(pid):  # A zombie has none.
                self._say(f"the program has ended; killing what it left behind, process {pid}: {command_line}")
        while True:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._program.pid, signal.SIGKILL)
            for pid in process.children(os.getpid()):
                with contextlib.suppress(PermissionError):  # It became another user; its end is awaited all the same.
                    os.kill(pid, signal.SIGKILL)
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                return

    def _say(self, text: str) -> None:
        """Add a line to the log of a `command`. Our own program says by itself what becomes of its helpers."""
        if not self._is_ours:
            with contextlib.suppress(OSError):  # A full disk.
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
            # The run directory is gone or locked against us. The released lock says the truth: nothing runs.
            print(f"runner: cannot write {self._run.state}: {error}", file=sys.stderr)


def _identity(pid: int) -> dict[str, Any]:
    return {"pid": pid, "start_time": process.start_time(pid)}


def _problem(error: Exception, name: str) -> str:
    """What kept the program called `name` from starting; it may be another file, such as the folder to run in."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    return error.strerror if error.filename in (None, name) else f"{error.strerror}: {error.filename}"


def _die_with_parent() -> None:
    """In the new process before exec: let the kernel kill it when the runner is killed (Linux)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


_LIBC = ctypes.CDLL(None) if sys.platform.startswith("linux") else None


def _write_log_to(path: Path) -> None:
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    os.close(log)


def main(argv: list[str]) -> int:
    """Return 0 as soon as the program is launched, 1 when it cannot be; the run itself goes on in a second process.

    That second process is nobody's child, so no server has to reap it, and whoever waited for the first one finds
    state.json written. After trainer.runner.keeper this process is nobody's child already: there is no second one.
    """
    run, lock_fd = RunDir(Path(argv[0])), int(argv[1])
    if argv[2:]:
        reply_fd, channel_fd, pid = map(int, argv[2:])
        own(run, lock_fd, reply_fd, WarmProgram(pid, socket.socket(fileno=channel_fd)))
        return 0
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        return 0 if os.read(reader, 1) == b"1" else 1
    os.close(reader)
    own(run, lock_fd, writer, None)
    return 0


def own(run: RunDir, lock_fd: int, reply_fd: int, warm: WarmProgram | None) -> None:
    """Launch the program, write b"1" to `reply_fd` (b"0" if it cannot be), and return when the run is over."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    launched_from = json.loads(run.run.read_bytes())["program"]
    runner = Runner(run, lock_fd, launched_from)
    _write_log_to(run.log)  # Not earlier: what goes wrong before is for whoever asked for the start.
    has_launched = runner.launch(warm)
    with contextlib.suppress(BrokenPipeError):  # Whoever launched us is gone already, no reason to end the run.
        os.write(reply_fd, b"1" if has_launched else b"0")
    os.close(reply_fd)
    if has_launched:
        runner.wait()
