"""The training program of a run, executed or handed over by the keeper. Standard library only."""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from trainer.rundir import GPUS_VARIABLE, RUN_DIR_VARIABLE, RunDir
from trainer.runner import process


@dataclass
class WarmProgram:
    """A prewarmed trainer.warm. Like a Popen it has a `pid`, and a `returncode` once the runner has set it."""

    pid: int
    channel: socket.socket
    """The other end is in trainer.warm."""
    returncode: int | None = None

    def begin(self, run: RunDir, lock_fds: tuple[int, ...], log_fd: int) -> bool:
        """Let it train in `run` with the lock held and its output in the log. Return False if it has exited."""
        with self.channel:
            try:
                socket.send_fds(self.channel, [encode(run.path, os.environ.get(GPUS_VARIABLE))], [*lock_fds, log_fd])
            except OSError:
                return False
        return True


def encode(run_dir: Path, gpus: str | None) -> bytes:
    """Encode a run's directory, and its CUDA_VISIBLE_DEVICES unless that is the process's own."""
    return os.fsencode(run_dir) + (b"" if gpus is None else b"\0" + gpus.encode())


def accept(message: bytes) -> str:
    """Take what `encode` made: set CUDA_VISIBLE_DEVICES if the message has it, and return the run's directory."""
    run_dir, separator, gpus = message.partition(b"\0")
    if separator:
        os.environ[GPUS_VARIABLE] = gpus.decode()
    return os.fsdecode(run_dir)


def execute(run: RunDir, description: dict[str, Any], lock_fds: tuple[int, ...]) -> subprocess.Popen[bytes]:
    """Execute the program that run.json describes, in its own session, with the lock if any. Raises LaunchError."""
    try:
        return subprocess.Popen(
            description["argv"],
            cwd=description["cwd"],
            env=os.environ | description["env"] | {RUN_DIR_VARIABLE: str(run.path)},
            stdin=subprocess.DEVNULL,
            pass_fds=lock_fds,
            start_new_session=True,
            preexec_fn=partial(process.end_with_parent, os.getpid()),
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        name = description["argv"][0]
        raise LaunchError(f"cannot start {name}: {_problem(error, name)}") from error


class LaunchError(Exception):
    """The program cannot be executed. The message is the run's reason."""


def _problem(error: Exception, name: str) -> str:
    """Describe the error, and name the file unless it is the program itself (it may be the working directory)."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    return error.strerror if error.filename in (None, name) else f"{error.strerror}: {error.filename}"
