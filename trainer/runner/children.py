"""The children of the runner: the program, and the orphans that the runner adopts. Standard library only."""

from __future__ import annotations

import contextlib
import os
import signal

from trainer.runner import process


def reap() -> tuple[dict[int, int], bool]:
    """Collect every child that has exited.

    Return their exit codes by pid, negative for a signal as in subprocess, and whether any child is left.
    """
    exit_codes: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return exit_codes, False
        if pid == 0:
            return exit_codes, True
        exit_codes[pid] = os.waitstatus_to_exitcode(status)


def describe_descendants() -> list[str]:
    """Describe each descendant by pid and command line, without zombies."""
    found = process.descendants(os.getpid(), process.parents())
    return [f"process {pid}: {command}" for pid in found if (command := process.command_line(pid))]


def kill_all(group: int) -> None:
    """Kill the process group and every descendant, and return when none is left.

    A descendant may have left the group. The runner adopts it as soon as its parent is dead.
    """
    while True:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
        for pid in process.children(os.getpid()):
            with contextlib.suppress(PermissionError):  # It became another user's. The runner still waits for it.
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
