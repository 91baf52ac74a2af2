"""Import everything, then wait for a run and train: `python -m trainer.warm CHANNEL_FD PARENT_PID`, see runner.keeper.

Until the run comes, no experiment is looked at and no device is touched.
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
from trainer.runner.keeper import MAX_PATH_BYTES


def main(channel: socket.socket, parent_pid: int) -> None:
    process.end_with_parent()
    if os.getppid() != parent_pid:
        return  # It was gone before.
    libraries.import_train()
    _refuse_occupied_gpu()
    channel.sendall(b"1")
    path, descriptors, _, _ = socket.recv_fds(channel, MAX_PATH_BYTES, 2)
    channel.close()
    if path:
        lock_fd, log_fd = descriptors
        os.set_inheritable(lock_fd, True)
        _write_log_to(log_fd)
        _run(RunDir(Path(os.fsdecode(path))))


def _refuse_occupied_gpu() -> None:
    """Raise RuntimeError if an import has touched a GPU: memory there would be held while nothing trains."""
    import torch  # Imported already, after trainer.libraries had its say.

    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        raise RuntimeError("an import has initialised CUDA, so that a waiting program would occupy a GPU")


def _run(run: RunDir) -> None:
    """Continue as `python -m trainer --run-dir DIR`."""
    _carry_mark(str(run.path))
    importlib.invalidate_caches()  # A network of one's own may have been written a moment ago.
    argv = [f"--run-dir={run.path}"]
    sys.argv = [str(program.__file__), *argv]
    program.run(argv)


def _write_log_to(log_fd: int) -> None:
    """Write to the log from now on, and first what was said while importing."""
    said = os.pread(sys.stdout.fileno(), 1 << 20, 0)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(log_fd, stream.fileno())
    os.close(log_fd)
    os.write(sys.stdout.fileno(), said)


def _carry_mark(run_dir: str) -> None:
    """Put the run's mark where /proc/PID/environ has it, as in a program that was executed for the run.

    The keeper left room for it. What is executed from here, os.environ marks.
    """
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_void_p
    ctypes.memmove(
        libc.getenv(RUN_DIR_VARIABLE.encode()), os.fsencode(run_dir).ljust(MAX_PATH_BYTES, b"\0"), MAX_PATH_BYTES
    )
    os.environ[RUN_DIR_VARIABLE] = run_dir


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
