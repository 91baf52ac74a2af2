"""Own one run's process from birth to verdict: `python -m trainer.runner RUN_DIR LOCK_FD [REPLY_FD CHANNEL_FD PID]`.

A small process per run that lives on when the service ends, as container engines keep a shim per container. It starts
the training program that run.json names, in a session of its own and with the locked descriptor, waits, and
writes state.json. On SIGTERM it passes the signal on to the program's leader, waits the grace time that stop.json
states, and kills. It returns only when no process of the run is left. Standard library only: it has to start in
milliseconds and stay small for days. The last three arguments are trainer.keeper's, whose program waits already.
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

from trainer import oom, process, verdict
from trainer.keeper import WarmProgram
from trainer.rundir import RUN_DIR_VARIABLE, RunDir, is_there, read_json, utc_now

DEFAULT_GRACE_S = 30.0
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class StateFile:
    """state.json, whose every version can be written on a full disk: the blocks are reserved beforehand."""

    BLOCK_BYTES = 4096
    NUM_VERSIONS = 2  # running, and the verdict.

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reserved = [path.with_name(f".{path.name}.{number}") for number in range(self.NUM_VERSIONS)]
        for reserved in self._reserved:
            reserved.write_bytes(b" " * self.BLOCK_BYTES)

    def write(self, content: dict[str, Any]) -> None:
        """Replace state.json in one step; raises OSError when even its place in the directory is gone."""
        reserved = self._reserved.pop(0)
        _overwrite(reserved, content, self.BLOCK_BYTES)
        try:
            os.replace(reserved, self._path)
        except PermissionError:
            _overwrite(self._path, content, self.BLOCK_BYTES)  # The directory became read-only, the file did not.

    def close(self) -> None:
        """Give back what was reserved and not used."""
        for reserved in self._reserved:
            with contextlib.suppress(OSError):  # Nobody reads it, and the run's verdict must not hang on it.
                reserved.unlink(missing_ok=True)


def _overwrite(path: Path, content: dict[str, Any], size: int) -> None:
    # Not truncated first: that would give the block back to a disk that may be full.
    text = json.dumps(content, indent=2, ensure_ascii=False).encode("utf-8", errors="replace")
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(descriptor, text.ljust(size - 1) + b"\n", 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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

    def __init__(self, run: RunDir, lock_fd: int) -> None:
        self._run = run
        self._lock_fd = lock_fd
        self._signals = Signals()
        self._state_file = StateFile(run.state)
        self._program: subprocess.Popen[bytes] | WarmProgram | None = None
        self._stop_signal = signal.SIGTERM
        self._deadline: float | None = None
        self._killed_after_s: float | None = None
        self._was_terminated = False
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

    def launch(self, program: dict[str, Any], warm: WarmProgram | None) -> bool:
        """Start the program and write the state; False, with the verdict written, when it cannot be executed."""
        self._stop_signal = signal.Signals[program["stop"]["signal"]]
        try:
            if warm is not None and warm.begin(self._run, self._lock_fd, sys.stdout.fileno()):
                self._program = warm
            else:
                self._program = self._execute(program)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self._finish(verdict.FAILED, f"cannot start {program['argv'][0]}: {_problem(error, program['argv'][0])}")
            return False
        self._state |= {"state": "running", "pid": self._program.pid, "trainer": _identity(self._program.pid)}
        self._state_file.write(self._state)
        return True

    def _execute(self, program: dict[str, Any]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            program["argv"],
            cwd=program["cwd"],
            env=os.environ | program["env"] | {RUN_DIR_VARIABLE: str(self._run.path)},
            stdin=subprocess.DEVNULL,
            pass_fds=(self._lock_fd,),
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )

    def wait(self, needs_result: bool) -> None:
        """Return when no process of the run is left and the verdict is written."""
        assert self._program is not None
        while not self._reap():
            arrived = self._signals.wait(self._remaining_s())
            if signal.SIGTERM in arrived:
                self._pass_on_stop()
            elif self._deadline is not None and time.monotonic() >= self._deadline:
                self._kill_group()
        exit_code = self._program.returncode
        assert exit_code is not None
        is_oom = exit_code == -signal.SIGKILL and oom.was_oom_killed(
            self._program.pid, self._began_s, self._oom_kills, oom.oom_kills()
        )
        self._end_descendants()
        ending = verdict.Ending(exit_code, self._was_terminated, self._killed_after_s, is_oom)
        self._finish(*verdict.judge(self._run, ending, self._read_stop(), needs_result))

    def _remaining_s(self) -> float | None:
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def _reap(self) -> bool:
        """Collect every child that ended, adopted orphans included; True once the program itself did."""
        assert self._program is not None
        while self._program.returncode is None:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return False
            if pid == self._program.pid:
                self._program.returncode = os.waitstatus_to_exitcode(status)
        return True

    def _pass_on_stop(self) -> None:
        """Signal the leader only: workers that die under it would end it in an error. Repeated when asked again."""
        assert self._program is not None
        stop = self._read_stop()
        self._was_terminated = stop is None
        if self._deadline is None:
            grace_s = (stop or {}).get("grace_s")
            self._grace_s = float(grace_s) if isinstance(grace_s, (int, float)) else DEFAULT_GRACE_S
            self._deadline = time.monotonic() + self._grace_s
        os.kill(self._program.pid, self._stop_signal)

    def _read_stop(self) -> dict[str, Any] | None:
        """The intent to stop; empty when the file is there, but a full disk had no room for what it should say."""
        return read_json(self._run.stop) or ({} if is_there(self._run.stop) else None)

    def _kill_group(self) -> None:
        assert self._program is not None
        self._killed_after_s = self._grace_s
        self._deadline = None
        os.killpg(self._program.pid, signal.SIGKILL)

    def _end_descendants(self) -> None:
        """Kill whatever the program left behind, also what left its group: the runner has adopted it."""
        assert self._program is not None
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
    state.json written. After trainer.keeper this process is nobody's child already: there is no second one.
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
    runner = Runner(run, lock_fd)
    _write_log_to(run.log)  # Not earlier: what goes wrong before is for whoever asked for the start.
    has_launched = runner.launch(launched_from, warm)
    with contextlib.suppress(BrokenPipeError):  # Whoever launched us is gone already, no reason to end the run.
        os.write(reply_fd, b"1" if has_launched else b"0")
    os.close(reply_fd)
    if has_launched:
        runner.wait(launched_from["needs_result"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
