"""Import everything, wait for a run, and train it: `python -m trainer.warm CHANNEL_FD PARENT_PID`, see runner.keeper.

Reads no experiment and uses no device before the run comes.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import socket
import sys
from pathlib import Path

from trainer import __main__ as program
from trainer import libraries
from trainer.rundir import RUN_DIR_VARIABLE, RunDir
from trainer.runner import process
from trainer.runner.keeper import MAX_MESSAGE_BYTES, MAX_PATH_BYTES
from trainer.runner.program import accept


def main(channel: socket.socket, parent_pid: int) -> None:
    process.end_with_parent(parent_pid)
    libraries.import_train()
    _refuse_occupied_gpu()
    channel.sendall(b"1")
    message, descriptors, _, _ = socket.recv_fds(channel, MAX_MESSAGE_BYTES, 2)
    channel.close()
    if message:
        lock_fd, log_fd = descriptors
        os.set_inheritable(lock_fd, True)
        _write_log_to(log_fd)
        _run(RunDir(Path(accept(message))))


def _refuse_occupied_gpu() -> None:
    """Raise RuntimeError if an import has initialised CUDA, which would occupy memory of the GPU without a training."""
    import torch  # trainer.libraries has imported it already.

    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        raise RuntimeError("an import has initialised CUDA, so a prewarmed process would occupy a GPU")


def _run(run: RunDir) -> None:
    """Continue as `python -m trainer --run-dir DIR`."""
    _carry_mark(str(run.path))
    importlib.invalidate_caches()  # A custom network may have been written a moment ago.
    argv = [f"--run-dir={run.path}"]
    sys.argv = [str(program.__file__), *argv]
    program.run(argv)


def _write_log_to(log_fd: int) -> None:
    """Write to the log from now on, starting with the output of the imports."""
    output = os.pread(sys.stdout.fileno(), 1 << 20, 0)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(log_fd, stream.fileno())
    os.close(log_fd)
    os.write(sys.stdout.fileno(), output)


def _carry_mark(run_dir: str) -> None:
    """Write the run's mark into /proc/PID/environ, where a program that is executed for a run has it.

    The keeper reserved the room for it. Programs executed from here get the mark through os.environ.
    """
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_void_p
    ctypes.memmove(
        libc.getenv(RUN_DIR_VARIABLE.encode()), os.fsencode(run_dir).ljust(MAX_PATH_BYTES, b"\0"), MAX_PATH_BYTES
    )
    os.environ[RUN_DIR_VARIABLE] = run_dir


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
