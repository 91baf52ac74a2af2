"""Run `python -m trainer` in forks of a process that has already imported everything.

The forks run the same file under the same name with the same arguments. They only save the seconds that each
training would need to import torch and Lightning. Some tests start their trainings as users do instead. The other ranks
of a training are forks of their leader, unless the environment variable COLD_RANKS is set.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import io
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer import libraries

ROOT = Path(__file__).resolve().parents[2]
MAX_REQUEST_BYTES = 100_000
_INT = struct.Struct("i")


class PreloadedProcess:
    """A training process with the subset of subprocess.Popen that tests use.

    A pipe delivers its pid and later its exit code.
    """

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        (self.pid,) = _INT.unpack(os.read(pipe, _INT.size))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._poll(0)

    def wait(self, timeout_s: float | None = None) -> int:
        code = self._poll(timeout_s)
        if code is None:
            raise subprocess.TimeoutExpired("trainer", timeout_s or 0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _poll(self, timeout_s: float | None) -> int | None:
        if self.returncode is None and select.select([self._pipe], [], [], timeout_s)[0]:
            (self.returncode,) = _INT.unpack(os.read(self._pipe, _INT.size))
            os.close(self._pipe)
        return self.returncode


class Preloaded:
    """A process that forks to run each training. `prefix` is a command that executes the rest of its arguments."""

    def __init__(self, prefix: Sequence[str] = ()) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        argv = [*prefix, sys.executable, "-m", "tests.trainer.preloaded", str(theirs.fileno())]
        self._process = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        theirs.close()

    def start(
        self, arguments: list[str], environment: dict[str, str], log_path: Path, cwd: Path = ROOT
    ) -> PreloadedProcess:
        reader, writer = os.pipe()
        request = json.dumps([arguments, environment, str(log_path), str(cwd)]).encode()
        socket.send_fds(self._socket, [request], [writer])
        os.close(writer)
        return PreloadedProcess(reader)

    def close(self) -> None:
        """End the process. Its trainings continue."""
        self._socket.close()
        self._process.kill()
        self._process.wait()


def serve(requests: socket.socket) -> None:
    libraries.import_train()
    _import_on_first_use()
    gc.freeze()  # Freeze again, so that garbage collection does not copy shared memory.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # The kernel reaps the forks that wait for a training.
    while True:
        request, pipes, _, _ = socket.recv_fds(requests, MAX_REQUEST_BYTES, 1)
        if not request:
            return
        if os.fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os._exit(_follow(pipes[0], *json.loads(request)))
        os.close(pipes[0])


def _import_on_first_use() -> None:
    import torch
    from matplotlib.figure import Figure
    from onnxscript import TracedOnnxFunction

    # Every export parses the source of each of torch's operators again, which is a quarter of the work of a tiny
    # training. It always gets the same, so keep it.
    kept = functools.cached_property(TracedOnnxFunction.function_ir.fget)
    kept.__set_name__(TracedOnnxFunction, "function_ir")
    TracedOnnxFunction.function_ir = kept
    torch.onnx.export(torch.nn.Linear(1, 1).eval(), (torch.zeros(1, 1),), dynamo=True, verbose=False)
    figure = Figure()
    figure.subplots().set_title("loads fonts")
    figure.savefig(io.BytesIO())


def _follow(pipe: int, arguments: list[str], environment: dict[str, str], log_path: str, cwd: str) -> int:
    pid = os.fork()
    if pid == 0:
        os.close(pipe)
        os.chdir(cwd)
        _train(arguments, environment, log_path)
    with contextlib.suppress(BrokenPipeError):
        os.write(pipe, _INT.pack(pid))
        os.write(pipe, _INT.pack(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
    return 0


def _train(arguments: list[str], environment: dict[str, str], log_path: str) -> None:
    """Become `python -m trainer ARGUMENTS > LOG 2>&1`, and exit in the same way."""
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # An import may have chosen it by another environment.
    sys.path[1:1] = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    if "COLD_RANKS" not in environment:
        subprocess.Popen = _Popen  # type: ignore[misc]
    sys.argv = ["trainer", *arguments]
    runpy.run_module("trainer", run_name="__main__", alter_sys=True)
    # Exit like the interpreter, but without C++ destructors, which would join threads that a fork does not have.
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(0)


class _Popen(subprocess.Popen[Any]):
    def __new__(cls, argv: list[str], *_: Any, **__: Any) -> Any:
        is_rank = argv[1:3] == ["-m", "trainer.rank"]
        return ForkedRank(argv[3:]) if is_rank else super().__new__(cls)


class ForkedRank:
    """`python -m trainer.rank` in a fork, with the subset of subprocess.Popen that its leader uses."""

    def __init__(self, arguments: list[str]) -> None:
        input_, for_input = os.pipe()
        from_output, output = os.pipe()
        self._reaping = threading.Lock()
        self._exit_code: int | None = None
        self._pid = os.fork()
        if self._pid == 0:
            os.dup2(input_, 0)
            os.dup2(output, 1)
            for descriptor in (input_, for_input, from_output, output):
                os.close(descriptor)
            signal.set_wakeup_fd(-1)
            sys.argv = ["trainer.rank", *arguments]
            runpy.run_module("trainer.rank", run_name="__main__", alter_sys=True)
        os.close(input_)
        os.close(output)
        self.stdin, self.stdout = os.fdopen(for_input, "wb"), os.fdopen(from_output, "rb")

    def kill(self) -> None:
        if self._exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def wait(self) -> int:
        with self._reaping:
            if self._exit_code is None:
                self._exit_code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._exit_code


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
