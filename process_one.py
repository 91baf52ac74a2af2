"""Do the duties of process 1 of a container: restart the service, reap orphans, and let runs save at the end."""

from __future__ import annotations

import os
import signal
import sys
import time

import psutil

PASSED_ON = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2}
ENDING = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
"""The signals that end the container. The others are between the caller and the server."""
RESTART_AFTER_S = 1.0


def serve_below() -> None:
    """Return in a child of process 1, in which to serve. In any other process return at once.

    The kernel delivers to process 1 only signals that it has a handler for, and makes it the parent of every orphan,
    such as each run's runner. When process 1 ends, the kernel kills the container. So process 1 does not serve: it
    replaces a child that was killed or terminated, and the runs continue. If the child exits with an error, such as a
    bad setting, process 1 exits with the same code. Call this before a thread starts.
    """
    if os.getpid() != 1:
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON | {signal.SIGCHLD})
    while True:
        child = os.fork()
        if child == 0:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON | {signal.SIGCHLD})
            return
        code, is_ending = _pass_signals_on(child)
        if is_ending or code > 0:
            _end_orphans()
            sys.exit(code)
        time.sleep(RESTART_AFTER_S)


def _pass_signals_on(child: int) -> tuple[int, bool]:
    """Wait for the child. Return its exit code, 0 after a signal, and whether the container shall end."""
    is_ending = False
    while True:
        number = signal.sigwait(PASSED_ON | {signal.SIGCHLD})
        if number != signal.SIGCHLD:
            is_ending = is_ending or number in ENDING
            os.kill(child, number)
        elif (status := _reap().get(child)) is not None:
            return max(0, os.waitstatus_to_exitcode(status)), is_ending


def _end_orphans() -> None:
    """Send SIGTERM to each runner, which lets its program save, and wait until the last one has exited."""
    for orphan in psutil.Process(1).children():
        os.kill(orphan.pid, signal.SIGTERM)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def _reap() -> dict[int, int]:
    """Reap every process that has ended, and return their wait statuses."""
    reaped: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return reaped
        if pid == 0:
            return reaped
        reaped[pid] = status
